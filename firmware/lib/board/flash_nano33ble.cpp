// The Nano's flash for data: the last six pages before its end.
#if defined(ARDUINO_ARDUINO_NANO33BLE)

#include <nrf.h>

#include "board.h"

namespace vigil::board {
namespace {

// nRF52840 Product Specification, Memory: 1 MB of flash in pages of 4,096 bytes.
constexpr std::uint32_t kPage = 4096;
constexpr std::uint32_t kFirst = 0x100000 - 2 * kPage;

void wait() {
    while (NRF_NVMC->READY == NVMC_READY_READY_Busy) {
    }
}

constexpr std::uint32_t kWearerFirst = kFirst - 4 * kPage;

void read_only() {
    wait();
    NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Ren;
    wait();
}

// The chapter NVMC: a word at a time, and the processor stands still while the flash is busy: at
// most 41 us per word, 85 ms per page.
void write_words(std::uint32_t address, Span<const std::uint32_t> words) {
    NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Wen;
    wait();
    for (std::size_t i = 0; i < words.size(); ++i) {
        reinterpret_cast<volatile std::uint32_t*>(address)[i] = words[i];
        wait();
    }
    read_only();
}

void read_words(std::uint32_t address, Span<std::uint32_t> words) {
    const auto* flash = reinterpret_cast<const volatile std::uint32_t*>(address);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = flash[i];
}

class CalibrationSlots final : public Slots {
  public:
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        read_words(kFirst + slot * kPage, words);
    }
    void erase(unsigned slot) override {
        NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Een;
        wait();
        NRF_NVMC->ERASEPAGE = kFirst + slot * kPage;
        read_only();
    }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        write_words(kFirst + slot * kPage, words);
    }
};

// Two pages for each slot, erased by partial erases (chapter NVMC, ERASEPAGEPARTIAL): a page is
// erased when their durations add up to an erase, 85 ms.
class WearerSlots final : public SteppedSlots {
  public:
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        read_words(address(slot), words);
    }
    void erase(unsigned slot) override {
        while (!erase_step(slot)) {
        }
    }
    bool erase_step(unsigned slot) override {
        NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Een;
        wait();
        NRF_NVMC->ERASEPAGEPARTIALCFG = kStepMs;
        NRF_NVMC->ERASEPAGEPARTIAL = address(slot) + step_ / kSteps * kPage;
        read_only();
        step_ = step_ + 1 < 2 * kSteps ? step_ + 1 : 0;
        return step_ == 0;
    }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        step_ = 0;
        write_words(address(slot), words);
    }

  private:
    static constexpr std::uint32_t kStepMs = 2;
    static constexpr std::uint32_t kSteps = 45;  // per page: 90 ms
    static std::uint32_t address(unsigned slot) { return kWearerFirst + slot * kWearerSlot; }
    std::uint32_t step_ = 0;
};

CalibrationSlots calibration_memory;
WearerSlots wearer_memory;

}  // namespace

Slots& calibration_slots() {
    return calibration_memory;
}

SteppedSlots& wearer_slots() {
    return wearer_memory;
}

}  // namespace vigil::board

#endif
