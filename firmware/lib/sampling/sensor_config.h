// The sensor that an image reads, and the conversion of its raw values to the model's counts. The
// converter writes both into the generated constants (vigil build --sensor).
#pragma once

#include <cstdint>

namespace vigil {

enum class SensorKind : std::uint8_t {
    none = 0,    // samples come only from the host
    analog = 1,  // an analog pin, read by the board's converter
    // Inertial sensors of a board; the number of channels says which: acceleration (3), then
    // rotation (6), then the magnetic field (9).
    lsm9ds1 = 2,
    bmi270 = 3,  // with a BMM150
};

constexpr std::uint8_t kNoPin = 255;

struct SensorConfig {
    SensorKind kind;
    float rate_hz;                  // samples per second; 0: no fixed rate
    std::uint8_t pin;               // Arduino pin number, or kNoPin
    std::uint8_t lead_off_pins[2];  // high while an electrode is off, or kNoPin
    const char* name;
};

// count = offset + (raw * multiplier + 2^(shift-1)) >> shift, saturated to int16. The product has
// 64 bits; 1 <= shift <= 62.
struct Conversion {
    std::int32_t multiplier;
    std::uint8_t shift;
    std::int32_t offset;

    std::int16_t operator()(std::int16_t raw) const {
        const std::int64_t rounded =
            std::int64_t{raw} * multiplier + (std::int64_t{1} << (shift - 1U));
        const std::int64_t count = offset + (rounded >> shift);
        if (count > INT16_MAX) return INT16_MAX;
        if (count < INT16_MIN) return INT16_MIN;
        return static_cast<std::int16_t>(count);
    }
};

}  // namespace vigil
