// The Nano's flash for data: the last two pages before its end.
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

// The chapter NVMC: a word at a time, and the processor stands still while the flash is busy: at
// most 41 us per word, 85 ms per page.
class CalibrationSlots final : public Slots {
  public:
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = at(slot)[i];
    }
    void erase(unsigned slot) override {
        NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Een;
        wait();
        NRF_NVMC->ERASEPAGE = kFirst + slot * kPage;
        read_only();
    }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Wen;
        wait();
        for (std::size_t i = 0; i < words.size(); ++i) {
            at(slot)[i] = words[i];
            wait();
        }
        read_only();
    }

  private:
    static volatile std::uint32_t* at(unsigned slot) {
        return reinterpret_cast<volatile std::uint32_t*>(kFirst + slot * kPage);
    }
    static void read_only() {
        wait();
        NRF_NVMC->CONFIG = NVMC_CONFIG_WEN_Ren;
        wait();
    }
};

CalibrationSlots calibration_memory;

}  // namespace

Slots& calibration_slots() {
    return calibration_memory;
}

}  // namespace vigil::board

#endif
