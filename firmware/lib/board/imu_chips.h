// The inertial sensors of the Arduino Nano 33 BLE Sense: LSM9DS1 on the first revision, BMI270 and
// BMM150 on Rev2. Registers, and the bytes read from them as values: x, y, z of acceleration, then
// of rotation, then of the magnetic field. From the data sheets of ST (LSM9DS1) and Bosch (BMI270,
// BMM150).
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil::imu {

constexpr std::uint32_t kMostAxes = 9;
constexpr std::uint32_t kMostBytes = 23;

// Registers that are read in one piece.
struct Burst {
    std::uint8_t address;  // of the chip on the bus
    std::uint8_t first;    // register
    std::uint8_t size;     // bytes
};

struct Setting {
    std::uint8_t address, number, value;
    std::uint8_t pause_ms;  // afterwards
};

// A reading of acceleration and rotation, beside its values.
struct Sample {
    std::uint32_t repeated = 0;  // 1: the chip had measured nothing since the reading before
    std::uint32_t skipped = 0;   // measurements between the reading before and this one
};

inline std::int16_t word(const volatile std::uint8_t* bytes) {
    return static_cast<std::int16_t>(bytes[0] | bytes[1] << 8U);
}

inline std::int16_t negated(std::int16_t value) {
    return value == INT16_MIN ? INT16_MAX : static_cast<std::int16_t>(-value);
}

// Acceleration +-4 g, 0.122 mg per step; rotation +-2000 degrees/s, 70 mdps per step; field +-4
// gauss, 0.14 mgauss per step.
class Lsm9ds1 {
  public:
    static constexpr std::uint8_t kAddress = 0x6B;
    static constexpr std::uint8_t kFieldAddress = 0x1E;
    static constexpr std::uint8_t kIdRegister = 0x0F;
    static constexpr std::uint8_t kId = 0x68;
    // Its status tells that it has measured since the last reading, not how often.
    static constexpr bool kCountsMeasurements = false;
    // The slowest of the rates that both parts have, from 119 Hz on, that is not below `rate_hz`.
    static constexpr std::uint8_t rate_code(float rate_hz) {
        std::uint8_t code = 3;
        for (float rate = 119; rate < rate_hz && code < 6; rate *= 2) ++code;
        return code;
    }
    static constexpr float nominal_hz(float rate_hz) {
        return static_cast<float>(119U << (rate_code(rate_hz) - 3U));
    }

    Lsm9ds1(std::uint32_t axes, float rate_hz) : axes_(axes), code_(rate_code(rate_hz)) {}

    Span<const Setting> settings() {
        const auto rate = static_cast<std::uint8_t>(code_ << 5U);
        std::uint32_t n = 0;
        list_[n++] = {kAddress, 0x22, 0x44, 0};  // CTRL_REG8: whole samples, addresses increment
        list_[n++] = {kAddress, 0x1F, 0x38, 0};  // CTRL_REG5_XL: three axes
        if (axes_ > 3) {
            list_[n++] = {kAddress, 0x10, static_cast<std::uint8_t>(rate | 3U << 3U), 0};
        }
        list_[n++] = {kAddress, 0x20, static_cast<std::uint8_t>(rate | 2U << 3U), 0};
        if (axes_ > 6) {
            list_[n++] = {kFieldAddress, 0x20, 0x7C, 0};  // CTRL_REG1_M: 80 Hz, best performance
            list_[n++] = {kFieldAddress, 0x21, 0x00, 0};  // CTRL_REG2_M: 4 gauss
            list_[n++] = {kFieldAddress, 0x23, 0x0C, 0};  // CTRL_REG4_M: z as well
            list_[n++] = {kFieldAddress, 0x22, 0x00, 0};  // CTRL_REG3_M: continuous
        }
        return {list_, n};
    }
    // STATUS_REG first, so that it belongs to the values behind it.
    Burst main() const { return axes_ > 3 ? Burst{kAddress, 0x17, 23} : Burst{kAddress, 0x27, 7}; }
    static constexpr Burst field() { return {kFieldAddress, 0x28 | 0x80, 6}; }
    static constexpr Setting off() { return {kAddress, 0x20, 0, 0}; }

    Sample decode(const volatile std::uint8_t* bytes, std::int16_t* values) {
        const std::uint32_t acceleration = axes_ > 3 ? 17 : 1;
        for (std::uint32_t i = 0; i < 3; ++i) values[i] = word(bytes + acceleration + 2 * i);
        if (axes_ > 3) {
            for (std::uint32_t i = 0; i < 3; ++i) values[3 + i] = word(bytes + 1 + 2 * i);
        }
        Sample sample;
        sample.repeated = (bytes[0] & 1U) != 0 ? 0 : 1;
        return sample;
    }
    static void decode_field(const volatile std::uint8_t* bytes, std::int16_t* values) {
        for (std::uint32_t i = 0; i < 3; ++i) values[i] = word(bytes + 2 * i);
    }

  private:
    std::uint32_t axes_;
    std::uint8_t code_;
    Setting list_[8];
};

// Acceleration +-4 g, 8,192 steps per g; rotation +-2000 degrees/s, 16.384 steps per degree/s.
// Field: the BMM150's own steps, without its temperature compensation. x and y as on the first
// revision, where the chip lies otherwise: -y and -x.
class Bmi270 {
  public:
    static constexpr std::uint8_t kAddress = 0x68;
    static constexpr std::uint8_t kFieldAddress = 0x10;
    static constexpr std::uint8_t kIdRegister = 0x00;
    static constexpr std::uint8_t kId = 0x24;
    // Its program, which its maker publishes, goes to INIT_DATA in pieces, after its address in
    // words.
    static constexpr std::uint32_t kProgramBytes = 8192;
    static constexpr std::uint8_t kInitControl = 0x59;
    static constexpr std::uint8_t kInitAddress = 0x5B;
    static constexpr std::uint8_t kInitData = 0x5E;
    static constexpr std::uint8_t kInternalStatus = 0x21;
    static constexpr std::uint8_t kInitialized = 1;
    static constexpr bool kCountsMeasurements = true;  // SENSORTIME
    static constexpr std::uint8_t rate_code(float rate_hz) {
        std::uint8_t code = 6;  // 25 Hz; each code doubles the rate, up to 1,600 Hz
        for (float rate = 25; rate < rate_hz && code < 12; rate *= 2) ++code;
        return code;
    }
    static constexpr float nominal_hz(float rate_hz) {
        return static_cast<float>(25U << (rate_code(rate_hz) - 6U));
    }

    Bmi270(std::uint32_t axes, float rate_hz) : axes_(axes), code_(rate_code(rate_hz)) {}

    // Before the program, and after it.
    static constexpr Setting wake() { return {kAddress, 0x7C, 0, 1}; }
    Span<const Setting> settings() {
        std::uint32_t n = 0;
        // ACC_CONF, GYR_CONF: performance filter, normal bandwidth.
        list_[n++] = {kAddress, 0x40, static_cast<std::uint8_t>(0xA0U | code_), 0};
        list_[n++] = {kAddress, 0x41, 1, 0};  // ACC_RANGE: 4 g
        list_[n++] = {kAddress, 0x42, static_cast<std::uint8_t>(0xE0U | code_), 0};
        list_[n++] = {kAddress, 0x43, 0, 0};  // GYR_RANGE: 2000 degrees/s
        // PWR_CTRL; a gyroscope starts in 45 ms.
        list_[n++] = {kAddress, 0x7D, static_cast<std::uint8_t>(axes_ > 3 ? 0x06 : 0x04), 50};
        if (axes_ > 6) {
            list_[n++] = {kFieldAddress, 0x4B, 1, 3};  // out of suspend
            list_[n++] = {kFieldAddress, 0x51, 4, 0};  // repetitions, regular preset
            list_[n++] = {kFieldAddress, 0x52, 14, 0};
            list_[n++] = {kFieldAddress, 0x4C, 0x38, 0};  // 30 Hz, normal mode
        }
        return {list_, n};
    }
    // Acceleration, rotation, and SENSORTIME, which says how many measurements lie between.
    static constexpr Burst main() { return {kAddress, 0x0C, 15}; }
    static constexpr Burst field() { return {kFieldAddress, 0x42, 6}; }
    static constexpr Setting off() { return {kAddress, 0x7D, 0, 0}; }

    Sample decode(const volatile std::uint8_t* bytes, std::int16_t* values) {
        turn(bytes, values);
        if (axes_ > 3) turn(bytes + 6, values + 3);
        // 25.6 kHz, 24 bits; in step with the measurements.
        const std::uint32_t time = bytes[12] | bytes[13] << 8U | std::uint32_t{bytes[14]} << 16U;
        const unsigned shift = 16U - code_;
        const std::uint32_t number = time >> shift;
        const std::uint32_t since = (number - number_) & (0xFFFFFFU >> shift);
        Sample sample;
        if (known_) {
            sample.repeated = since == 0 ? 1 : 0;
            sample.skipped = since == 0 ? 0 : since - 1;
        }
        known_ = true;
        number_ = number;
        return sample;
    }
    static void decode_field(const volatile std::uint8_t* bytes, std::int16_t* values) {
        constexpr unsigned kFlags[] = {3, 3, 1};  // low bits that belong to no value
        for (std::uint32_t i = 0; i < 3; ++i) {
            values[i] = static_cast<std::int16_t>(word(bytes + 2 * i) >> kFlags[i]);
        }
    }

  private:
    static void turn(const volatile std::uint8_t* bytes, std::int16_t* values) {
        values[0] = negated(word(bytes + 2));
        values[1] = negated(word(bytes));
        values[2] = word(bytes + 4);
    }

    std::uint32_t axes_;
    std::uint8_t code_;
    Setting list_[9];
    bool known_ = false;
    std::uint32_t number_ = 0;
};

}  // namespace vigil::imu
