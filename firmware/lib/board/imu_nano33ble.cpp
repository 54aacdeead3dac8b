#if defined(ARDUINO_ARDUINO_NANO33BLE)

// The I2C master of the nRF52840 (Product Specification, chapter TWIM) and the chips behind it.
#include "imu_nano33ble.h"

#include <type_traits>

#include "imu_chips.h"
#include "imu_data_ready.h"
#include "sensor_constants.h"
#include "timers_nano33ble.h"

// In the library Arduino_BMI270_BMM150, from Bosch's BMI270 Sensor API.
extern "C" const std::uint8_t bmi270_config_file[];

namespace vigil::board::nano {
namespace {

constexpr bool kIsBmi270 = model::kSensor.kind == SensorKind::bmi270;
#if !defined(VIGIL_BMI270_PROGRAM)
static_assert(!kIsBmi270, "the BMI270 needs Arduino_BMI270_BMM150: vigil build --sensor bmi270");
#endif

using Chip = std::conditional_t<kIsBmi270, imu::Bmi270, imu::Lsm9ds1>;
Chip chip(model::kChannels, model::kSensor.rate_hz);

constexpr std::uint32_t kPiece = 32;  // of the program
std::uint8_t sent[1 + kPiece];        // EasyDMA reads and writes RAM
volatile std::uint8_t got[imu::kMostBytes];

const char* problem = nullptr;
std::int16_t raw[imu::kMostAxes];
bool reading_field = false;
// The reading in progress, which may take two transfers.
Chip before = chip;  // the chip's state before the reading, restored if it is dropped
imu::Sample newest;
bool main_refused = false;  // whether a transfer failed

// Whether each measurement is one sample. If not, a timer takes the newest at the model's rate.
constexpr bool kFollowsChip = imu::follows_chip<Chip>(model::kSensor.rate_hz);
constexpr float kPollHz = kFollowsChip
                              ? imu::kPollsPerMeasurement * Chip::nominal_hz(model::kSensor.rate_hz)
                              : model::kSensor.rate_hz;
imu::DataReady<Chip> data_ready;

// Counts since the start, used if a timer takes the newest measurement.
std::uint32_t readings = 0;
std::uint32_t repeated = 0;
std::uint32_t skipped = 0;
float chip_hz = 0;  // measured

// --- the bus -------------------------------------------------------------------------------------

void prepare_bus() {
    constexpr std::uint32_t kData = 14;  // the internal bus: P0.14 and P0.15
    constexpr std::uint32_t kClock = 15;
    for (const std::uint32_t pin : {kData, kClock}) {
        NRF_P0->PIN_CNF[pin] = GPIO_PIN_CNF_DRIVE_S0D1 << GPIO_PIN_CNF_DRIVE_Pos;
    }
    NRF_TWIM1->ENABLE = TWIM_ENABLE_ENABLE_Disabled;
    NRF_TWIM1->PSEL.SDA = kData;
    NRF_TWIM1->PSEL.SCL = kClock;
    NRF_TWIM1->FREQUENCY = 0x06200000;  // anomaly 219: 390 kHz, or the clock is low too briefly
    NRF_TWIM1->INTENCLR = 0xFFFFFFFFU;
    NRF_TWIM1->ENABLE = TWIM_ENABLE_ENABLE_Enabled;
    NRF_TWIM1->TXD.PTR = reinterpret_cast<std::uintptr_t>(sent);
    NRF_TWIM1->RXD.PTR = reinterpret_cast<std::uintptr_t>(got);
}

// A suspended master ignores STOP until it resumes.
void stop_bus() {
    NRF_TWIM1->TASKS_RESUME = 1;
    NRF_TWIM1->TASKS_STOP = 1;
}

void prepare_transfer(std::uint8_t address, std::uint32_t send, std::uint32_t receive) {
    NRF_TWIM1->ADDRESS = address;
    NRF_TWIM1->TXD.MAXCNT = send;
    NRF_TWIM1->RXD.MAXCNT = receive;
    NRF_TWIM1->SHORTS = receive == 0 ? TWIM_SHORTS_LASTTX_STOP_Msk
                                     : TWIM_SHORTS_LASTTX_STARTRX_Msk | TWIM_SHORTS_LASTRX_STOP_Msk;
    NRF_TWIM1->EVENTS_STOPPED = NRF_TWIM1->EVENTS_ERROR = 0;
}

void prepare_read(const imu::Burst& burst) {
    sent[0] = burst.first;
    prepare_transfer(burst.address, 1, burst.size);
}

// Returns false if the chip does not answer.
bool transfer(std::uint8_t address, std::uint32_t send, std::uint32_t receive) {
    prepare_transfer(address, send, receive);
    NRF_TWIM1->TASKS_STARTTX = 1;
    const unsigned long start = micros();
    bool refused = false;
    while (NRF_TWIM1->EVENTS_STOPPED == 0) {
        if (NRF_TWIM1->EVENTS_ERROR != 0 || micros() - start > kTimeoutUs) {
            NRF_TWIM1->EVENTS_ERROR = 0;
            NRF_TWIM1->ERRORSRC = NRF_TWIM1->ERRORSRC;
            if (refused) return false;
            stop_bus();
            refused = true;
        }
    }
    NRF_TWIM1->EVENTS_STOPPED = 0;
    return !refused;
}

bool write(const imu::Setting& setting) {
    sent[0] = setting.number;
    sent[1] = setting.value;
    if (!transfer(setting.address, 2, 0)) return false;
    if (setting.pause_ms > 0) delay(setting.pause_ms);
    return true;
}

bool read(const imu::Burst& burst) {
    sent[0] = burst.first;
    return transfer(burst.address, 1, burst.size);
}

// --- the chips -----------------------------------------------------------------------------------

template <typename Kind>
bool answers() {
    return read({Kind::kAddress, Kind::kIdRegister, 1}) && got[0] == Kind::kId;
}

// Whether the chip of this image is there; names the other one.
bool recognize() {
    const bool bmi270 = answers<imu::Bmi270>();
    const bool lsm9ds1 = !bmi270 && answers<imu::Lsm9ds1>();
    problem = nullptr;
    if (bmi270 && !kIsBmi270) problem = "BMI270: use --sensor bmi270";
    if (lsm9ds1 && kIsBmi270) problem = "LSM9DS1: use --sensor lsm9ds1";
    if (!bmi270 && !lsm9ds1) problem = "no inertial chip answers";
    return problem == nullptr;
}

// BMI270 data sheet, chapter Device initialization.
bool load_program() {
    using imu::Bmi270;
    constexpr std::uint8_t kAddress = Bmi270::kAddress;
    if (!write(Bmi270::wake()) || !write({kAddress, Bmi270::kInitControl, 0, 0})) return false;
    for (std::uint32_t at = 0; at < Bmi270::kProgramBytes; at += kPiece) {
        sent[0] = Bmi270::kInitAddress;
        sent[1] = static_cast<std::uint8_t>(at / 2 & 0x0FU);
        sent[2] = static_cast<std::uint8_t>(at / 2 >> 4U);
        if (!transfer(kAddress, 3, 0)) return false;
        sent[0] = Bmi270::kInitData;
        for (std::uint32_t i = 0; i < kPiece; ++i) sent[1 + i] = bmi270_config_file[at + i];
        if (!transfer(kAddress, 1 + kPiece, 0)) return false;
    }
    constexpr std::uint8_t kStartsMs = 20;
    return write({kAddress, Bmi270::kInitControl, 1, kStartsMs}) &&
           read({kAddress, Bmi270::kInternalStatus, 1}) && (got[0] & 0x0FU) == Bmi270::kInitialized;
}

// Times some measurements of the chip, whose own clock is off by percents.
bool measure_rate() {
    constexpr std::uint32_t kMeasurements = 16;
    constexpr unsigned long kMostUs = 1'000'000;
    unsigned long first = 0;
    const unsigned long start = micros();
    std::uint32_t measured = 0;
    while (measured <= kMeasurements) {
        if (micros() - start > kMostUs) return false;
        if (!read(chip.main()) || chip.decode(got, raw).repeated != 0) continue;
        if (measured == 0) first = micros();
        ++measured;
    }
    chip_hz = 1e6F * kMeasurements / static_cast<float>(micros() - first);
    return true;
}

// --- samples -------------------------------------------------------------------------------------

// Gives the samples that a reading yields; `raw` holds its values.
void give_reading(const imu::Sample& sample, bool refused) {
    if constexpr (kFollowsChip) {
        if (refused) {
            if (data_ready.refuse(given)) wanted.give(nullptr);
            return;
        }
        const imu::Due due = data_ready.take(given, sample);
        for (std::uint32_t i = 0; i < due.missed; ++i) wanted.give(kMissedTick);
        if (due.sample) wanted.give(raw);
    } else {
        if (!refused) ++readings;
        repeated += sample.repeated;
        skipped += sample.skipped;
        wanted.give(refused ? nullptr : raw);
    }
}

// Drops the readings up to number `started`, whose bytes a later reading may have overwritten.
void drop_readings(std::uint32_t started) {
    if constexpr (kFollowsChip) {
        given = started;  // the chip's next measurement tells what was missed
    } else {
        give_missed(started);
    }
}

// Handles the end of a transfer; TIMER3 counts the starts. The magnetic field is in another chip,
// so this interrupt starts a second transfer for it.
void on_stopped() {
    if (NRF_TWIM1->EVENTS_ERROR != 0) {
        NRF_TWIM1->EVENTS_ERROR = 0;
        stop_bus();  // EVENTS_STOPPED follows
        return;
    }
    if (NRF_TWIM1->EVENTS_STOPPED == 0) return;
    NRF_TWIM1->EVENTS_STOPPED = 0;
    const bool refused = NRF_TWIM1->ERRORSRC != 0;
    NRF_TWIM1->ERRORSRC = NRF_TWIM1->ERRORSRC;
    const std::uint32_t started = counted();
    const bool was_field = reading_field;
    if (was_field) prepare_read(chip.main());
    reading_field = false;
    if (started == given) return;  // dropped already
    if (started - given > 1) {
        if (was_field) chip = before;
        return drop_readings(started);
    }
    if (was_field) {
        if (!refused) chip.decode_field(got, raw + 6);
        main_refused = main_refused || refused;
    } else {
        before = chip;
        main_refused = refused;
        newest = refused ? imu::Sample{} : chip.decode(got, raw);
        if (counted() != started) {
            chip = before;
            return drop_readings(counted());
        }
        if (wanted.values > 6 && !(kFollowsChip && newest.repeated != 0)) {
            reading_field = true;
            prepare_read(chip.field());
            NRF_TWIM1->TASKS_STARTTX = 1;
            return;
        }
    }
    given = started;
    give_reading(newest, main_refused);
}

}  // namespace

bool start_imu() {
    if (wanted.values != 3 && wanted.values != 6 && wanted.values != 9) return false;
    prepare_bus();
    if (!recognize()) return false;
    chip = Chip(model::kChannels, model::kSensor.rate_hz);
    if constexpr (kIsBmi270) {
        if (!load_program()) return false;
    }
    for (const imu::Setting& setting : chip.settings()) {
        if (!write(setting)) return false;
    }
    if (!measure_rate()) return false;
    chip = Chip(model::kChannels, model::kSensor.rate_hz);  // what it counted belongs to no sample
    data_ready = {chip_hz, kPollHz};
    readings = repeated = skipped = 0;
    reading_field = false;
    prepare_read(chip.main());
    take_interrupt(SPIM1_SPIS1_TWIM1_TWIS1_SPI1_TWI1_IRQn, on_stopped);
    NRF_TWIM1->INTENSET = TWIM_INTENSET_STOPPED_Msk | TWIM_INTENSET_ERROR_Msk;
    start_counter();
    start_timer(kPollHz, NRF_TWIM1->TASKS_STARTTX, &NRF_TIMER3->TASKS_COUNT);
    return true;
}

void stop_imu() {
    NVIC_DisableIRQ(SPIM1_SPIS1_TWIM1_TWIS1_SPI1_TWI1_IRQn);
    NRF_TWIM1->INTENCLR = 0xFFFFFFFFU;
    NRF_TWIM1->EVENTS_STOPPED = 0;
    stop_bus();
    (void)wait_for(NRF_TWIM1->EVENTS_STOPPED);
    (void)write(chip.off());
    NRF_TWIM1->ENABLE = TWIM_ENABLE_ENABLE_Disabled;
}

const char* imu_problem() {
    return problem;
}

SensorTiming imu_timing() {
    if constexpr (kFollowsChip) {
        const float measured_hz = data_ready.measured_hz();
        return {static_cast<std::uint32_t>(measured_hz * 1000), 0, data_ready.missed()};
    }
    std::uint32_t not_read = skipped;
    if constexpr (!Chip::kCountsMeasurements) {  // computed from its rate
        const float measured = static_cast<float>(readings) * chip_hz / wanted.config.rate_hz;
        const auto fresh = static_cast<float>(readings - repeated);
        not_read = measured > fresh ? static_cast<std::uint32_t>(measured - fresh) : 0;
    }
    return {static_cast<std::uint32_t>(chip_hz * 1000), repeated, not_read};
}

}  // namespace vigil::board::nano

#endif
