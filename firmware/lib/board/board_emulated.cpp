#include "board.h"

#if defined(ARDUINO_EMULATED) && !defined(VIGIL_GENERIC_BOARD)

#include <adc.h>
#include <emulated.h>
#include <flash.h>
#include <machine.h>

namespace vigil::board {
namespace {

// Plays the recording that the emulator was started with, if any, at the model's rate.
class Recording final : public SensorDriver {
  public:
    void begin(float rate_hz, std::uint32_t channels, SensorTick tick) {
        rate_hz_ = rate_hz;
        tick_ = tick;
        present_ = rate_hz > 0 && emulated_adc_begin(channels);
    }
    bool start(std::uint64_t sample) override {
        emulated_adc_start(rate_hz_, sample, tick_);
        return true;
    }
    void stop() override { emulated_adc_stop(); }
    bool ended() const override { return emulated_adc_ended(); }
    bool present() const override { return present_; }
    bool gives_counts() const override { return true; }
    const char* name() const override { return present_ ? "recording" : "none"; }

  private:
    float rate_hz_ = 0;
    SensorTick tick_ = nullptr;
    bool present_ = false;
};

Recording recording;

// Pages 0 and 1 of the emulated flash.
class CalibrationSlots final : public Slots {
  public:
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        emulated_flash_read(slot * kEmulatedFlashPage, words.data(),
                            words.size() * sizeof words[0]);
    }
    void erase(unsigned slot) override { emulated_flash_erase(slot); }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        emulated_flash_write(slot * kEmulatedFlashPage, words.data(), words.size());
    }
};

CalibrationSlots calibration_memory;

// The pages after those, two for each slot. An erase takes two steps.
class WearerSlots final : public SteppedSlots {
  public:
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        emulated_flash_read(page(slot) * kEmulatedFlashPage, words.data(),
                            words.size() * sizeof words[0]);
    }
    void erase(unsigned slot) override {
        while (!erase_step(slot)) {
        }
    }
    bool erase_step(unsigned slot) override {
        emulated_flash_erase(page(slot) + step_);
        step_ ^= 1U;
        return step_ == 0;
    }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        step_ = 0;
        emulated_flash_write(page(slot) * kEmulatedFlashPage, words.data(), words.size());
    }

  private:
    static unsigned page(unsigned slot) { return 2 + 2 * slot; }
    unsigned step_ = 0;
};

WearerSlots wearer_memory;
std::uint32_t id = 0;

}  // namespace

// The core starts the clock and paints the stack before it calls setup().
void begin() {
    id = emulated_boot_id();
    emulated_flash_begin();
}

std::uint32_t counter() {
    return static_cast<std::uint32_t>(emulated_instructions());
}

std::uint32_t counter_hz() {
    return F_CPU;
}

std::uint32_t stack_size() {
    return static_cast<std::uint32_t>(emulated_stack_size());
}

std::uint32_t stack_used() {
    return static_cast<std::uint32_t>(emulated_stack_used());
}

Cache instruction_cache() {
    return Cache::none;
}

std::uint32_t boot_id() {
    return id;
}

const char* name() {
    return EMULATED_BOARD;
}

Slots& calibration_slots() {
    return calibration_memory;
}

SteppedSlots& wearer_slots() {
    return wearer_memory;
}

SensorDriver& sensor() {
    return recording;
}

void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick) {
    recording.begin(config.rate_hz, channels, tick);
}

#if defined(__riscv)
// Command FINISHER_RESET of SiFive's test device, in QEMU's machine `virt`.
void reboot() {
    *reinterpret_cast<volatile std::uint32_t*>(emulated::machine::kTestDevice) = 0x7777U;
    for (;;) {
    }
}
#endif

}  // namespace vigil::board

#endif
