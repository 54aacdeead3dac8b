// A board on Arduino's API alone: clock in microseconds, analog pins, no more. It cannot measure
// its stack, keeps nothing across a reset, and reads its sensor from loop(), not from an interrupt.
#include "board.h"

#if defined(VIGIL_GENERIC_BOARD)

#include <Arduino.h>

namespace vigil::board {
namespace {

// Reads a pin from loop(). A reading comes late while a window is computed. If it is late by a
// period or more, the instants before it count as missed.
class PolledPin final : public SensorDriver {
  public:
    void begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick) {
        config_ = config;
        channels_ = channels;
        tick_ = tick;
    }

    bool start(std::uint64_t) override {
        if (config_.kind != SensorKind::analog || channels_ != 1) return false;
        analogReadResolution(kBits);
        pinMode(config_.pin, INPUT);
        for (const std::uint8_t pin : config_.lead_off_pins) {
            if (pin != kNoPin) pinMode(pin, INPUT);
        }
        period_ = static_cast<std::uint64_t>(1e6F / config_.rate_hz * kOne);
        due_ = std::uint64_t{static_cast<std::uint32_t>(micros())} << kFraction;
        running_ = true;
        return true;
    }
    void stop() override { running_ = false; }

    void poll() {
        if (!running_) return;
        std::int64_t late = behind();
        if (late < 0) return;
        for (; late >= static_cast<std::int64_t>(period_); late -= period_) {
            tick_(kMissedTick);
            due_ += period_;
        }
        const auto raw = static_cast<std::int16_t>(analogRead(config_.pin));
        tick_(lead_is_off() ? nullptr : &raw);
        due_ += period_;
    }

    bool ended() const override { return false; }
    bool present() const override {
        return config_.kind != SensorKind::none && config_.rate_hz > 0;
    }
    bool gives_counts() const override { return false; }
    const char* name() const override { return present() ? config_.name : "none"; }

  private:
    static constexpr int kBits = 12;           // adc_bits in tools/boards/boards.toml
    static constexpr unsigned kFraction = 32;  // of a microsecond: a period is seldom whole
    static constexpr float kOne = 4294967296.0F;

    // Time since the reading was due, which both wrap with the 32 bits of micros().
    std::int64_t behind() const {
        const std::uint64_t now = std::uint64_t{static_cast<std::uint32_t>(micros())} << kFraction;
        return static_cast<std::int64_t>(now - due_);
    }
    bool lead_is_off() const {
        for (const std::uint8_t pin : config_.lead_off_pins) {
            if (pin != kNoPin && digitalRead(pin) == HIGH) return true;
        }
        return false;
    }

    SensorConfig config_{};
    std::uint32_t channels_ = 0;
    SensorTick tick_ = nullptr;
    std::uint64_t period_ = 0;  // both in microseconds / 2^32
    std::uint64_t due_ = 0;
    bool running_ = false;
};

PolledPin pin;

class NoSlots final : public SteppedSlots {
  public:
    void read(unsigned, Span<std::uint32_t> words) const override {
        for (std::uint32_t& word : words) word = 0xFFFFFFFFU;
    }
    void erase(unsigned) override {}
    bool erase_step(unsigned) override { return true; }
    void write(unsigned, Span<const std::uint32_t>) override {}
};

NoSlots no_memory;
std::uint32_t id = 0;

// FNV-1a over the noise of an analog pin, and over the time that each reading took. It is no random
// number generator: two starts may have the same id.
std::uint32_t noise() {
    constexpr int kReadings = 32;
    std::uint32_t hash = 2166136261U;
    const auto take = [&hash](std::uint32_t value) { hash = (hash ^ value) * 16777619U; };
    for (int i = 0; i < kReadings; ++i) {
        take(static_cast<std::uint32_t>(analogRead(A1)));
        take(static_cast<std::uint32_t>(micros()));
    }
    return hash;
}

}  // namespace

void begin() {
    id = noise();
}

std::uint32_t counter() {
    return static_cast<std::uint32_t>(micros());
}

std::uint32_t counter_hz() {
    return 1'000'000;
}

std::uint32_t stack_size() {
    return 0;
}

std::uint32_t stack_used() {
    return 0;
}

Cache instruction_cache() {
    return Cache::unknown;
}

std::uint32_t boot_id() {
    return id;
}

const char* name() {
    return VIGIL_BOARD;
}

Slots& calibration_slots() {
    return no_memory;
}

SteppedSlots& wearer_slots() {
    return no_memory;
}

SensorDriver& sensor() {
    return pin;
}

void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick) {
    pin.begin(config, channels, tick);
}

void poll_sensor() {
    pin.poll();
}

// Arduino's API has no restart. Each core that runs on another processor has one of its own.
#if defined(ARDUINO_ARCH_ESP32)
void reboot() {
    ESP.restart();
    for (;;) {
    }
}
#endif

}  // namespace vigil::board

#endif
