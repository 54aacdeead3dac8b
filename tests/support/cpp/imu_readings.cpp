// imu_readings CHIP AXES READ_HZ CHIP_HZ READINGS: reads a simulated chip that measures at CHIP_HZ,
// READ_HZ times per second. The values of its measurement n are n + 100 * axis in the chip's own
// order. Prints repeated and skipped measurements, then the last values.
//
// imu_readings CHIP AXES RATE_HZ CHIP_HZ POLLS FIRST COUNT HOW: polls it as often as a model of
// RATE_HZ asks for; COUNT polls from number FIRST on are `late` (read, but their bytes are lost) or
// `refused`. Prints samples with values, missed, refused, those that are not the measurement of
// their number, and the measured rate in mHz.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "imu_chips.h"
#include "imu_data_ready.h"

namespace {

using namespace vigil::imu;

void put(std::uint8_t* bytes, unsigned long value) {
    bytes[0] = static_cast<std::uint8_t>(value);
    bytes[1] = static_cast<std::uint8_t>(value >> 8U);
}

// Registers as the chip shows them to a reading; `is_new`: its first since that measurement.
void fill(const Lsm9ds1&, const Burst& burst, unsigned long n, bool is_new, double,
          std::uint8_t* bytes) {
    bytes[0] = is_new ? 0x07 : 0x00;
    for (unsigned i = 0; i < 3; ++i) {
        put(bytes + (burst.size > 7 ? 17 : 1) + 2 * i, n + 100 * i);
        if (burst.size > 7) put(bytes + 1 + 2 * i, n + 300 + 100 * i);
    }
}

void fill(const Bmi270&, const Burst&, unsigned long n, bool, double measured,
          std::uint8_t* bytes) {
    for (unsigned i = 0; i < 6; ++i) put(bytes + 2 * i, n + 100 * i);
    const auto time = static_cast<unsigned long>(measured) & 0xFFFFFFU;
    put(bytes + 12, time);
    bytes[14] = static_cast<std::uint8_t>(time >> 16U);
}

// `nominal` is the rate that the chip's clock takes itself to have.
template <typename Chip>
int run(Chip chip, double nominal, double read_hz, double chip_hz, unsigned long readings) {
    std::int16_t values[kMostAxes] = {};
    unsigned long repeated = 0;
    unsigned long skipped = 0;
    unsigned long before = 0;
    for (unsigned long i = 0; i < readings; ++i) {
        std::uint8_t bytes[kMostBytes] = {};
        const double measurements = 1.0 + static_cast<double>(i) * chip_hz / read_hz;
        const auto n = static_cast<unsigned long>(measurements);
        fill(chip, chip.main(), n, n != before, nominal > 0 ? measurements * 25600 / nominal : 0,
             bytes);
        before = n;
        const Sample sample = chip.decode(bytes, values);
        repeated += sample.repeated;
        skipped += sample.skipped;
    }
    std::printf("%lu %lu", repeated, skipped);
    for (const std::int16_t value : values) std::printf(" %d", value);
    std::printf("\n");
    return chip.settings().size() > 0 ? 0 : 1;
}

struct Disturbed {
    unsigned long first, count;
    bool refused;
};

template <typename Chip>
int follow(Chip chip, float rate_hz, double chip_hz, unsigned long polls, Disturbed disturbed) {
    const double nominal = Chip::nominal_hz(rate_hz);
    const double poll_hz = kPollsPerMeasurement * nominal;
    // Timed once at the start, with an error of a percent.
    DataReady<Chip> ready(static_cast<float>(1.01 * chip_hz), static_cast<float>(poll_hz));
    std::int16_t values[kMostAxes] = {};
    unsigned long samples = 0;
    unsigned long refusals = 0;
    unsigned long slots = 0;
    unsigned long wrong = 0;
    unsigned long before = 0;
    for (unsigned long poll = 1; poll <= polls; ++poll) {
        const bool hit = poll - disturbed.first < disturbed.count;
        if (hit && disturbed.refused) {
            if (!ready.refuse(static_cast<std::uint32_t>(poll))) continue;
            ++refusals;
            ++slots;
            continue;
        }
        std::uint8_t bytes[kMostBytes] = {};
        const double measurements = 1.3 + static_cast<double>(poll - 1) * chip_hz / poll_hz;
        const auto n = static_cast<unsigned long>(measurements);
        fill(chip, chip.main(), n, n != before, measurements * 25600 / nominal, bytes);
        before = n;
        if (hit) continue;
        const Due due = ready.take(static_cast<std::uint32_t>(poll), chip.decode(bytes, values));
        slots += due.missed;
        if (!due.sample) continue;
        ++slots;
        ++samples;
        wrong += static_cast<std::uint16_t>(values[2] - 200) == (slots & 0xFFFFU) ? 0 : 1;
    }
    std::printf("%lu %u %lu %lu %.0f\n", samples, static_cast<unsigned>(ready.missed()), refusals,
                wrong, static_cast<double>(ready.measured_hz()) * 1000);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto axes = static_cast<std::uint32_t>(std::atoi(argv[2]));
    const double read_hz = std::atof(argv[3]);
    const double chip_hz = std::atof(argv[4]);
    const auto readings = static_cast<unsigned long>(std::atol(argv[5]));
    const auto rate = static_cast<float>(read_hz);
    const bool is_lsm9ds1 = std::strcmp(argv[1], "lsm9ds1") == 0;
    if (argc > 6) {
        const Disturbed disturbed{std::strtoul(argv[6], nullptr, 10),
                                  std::strtoul(argv[7], nullptr, 10),
                                  std::strcmp(argv[8], "refused") == 0};
        if (is_lsm9ds1) return follow(Lsm9ds1(axes, rate), rate, chip_hz, readings, disturbed);
        return follow(Bmi270(axes, rate), rate, chip_hz, readings, disturbed);
    }
    if (is_lsm9ds1) {
        return run(Lsm9ds1(axes, rate), 0, read_hz, chip_hz, readings);
    }
    return run(Bmi270(axes, rate), Bmi270::nominal_hz(rate), read_hz, chip_hz, readings);
}
