// imu_readings CHIP AXES READ_HZ CHIP_HZ READINGS: reads a simulated chip that measures at CHIP_HZ,
// READ_HZ times per second. The values of its measurement n are n + 100 * axis in the chip's own
// order. Prints repeated and skipped measurements, then the last values.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "imu_chips.h"

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

}  // namespace

int main(int, char** argv) {
    const auto axes = static_cast<std::uint32_t>(std::atoi(argv[2]));
    const double read_hz = std::atof(argv[3]);
    const double chip_hz = std::atof(argv[4]);
    const auto readings = static_cast<unsigned long>(std::atol(argv[5]));
    const auto rate = static_cast<float>(read_hz);
    if (std::strcmp(argv[1], "lsm9ds1") == 0) {
        return run(Lsm9ds1(axes, rate), 0, read_hz, chip_hz, readings);
    }
    const double nominal = 25.0 * (1U << (Bmi270::rate_code(rate) - 6U));
    return run(Bmi270(axes, rate), nominal, read_hz, chip_hz, readings);
}
