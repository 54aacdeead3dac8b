#if defined(ARDUINO_ARDUINO_NANO33BLE)

// The Nano's own sensors: an analog pin, read by the converter (nRF52840 Product Specification,
// chapter SAADC), or the inertial sensors. A sketch must not also use the core's drivers of
// converter and internal I2C bus.

#include "board.h"
#include "imu_nano33ble.h"
#include "sensor_constants.h"
#include "timers_nano33ble.h"

namespace vigil::board {
namespace {

using namespace nano;

// --- an analog pin -------------------------------------------------------------------------------

volatile std::int16_t converted = 0;
const volatile std::uint32_t* lead_port[2] = {nullptr, nullptr};
std::uint32_t lead_bit[2] = {0, 0};

bool lead_is_off() {
    for (int i = 0; i < 2; ++i) {
        if (lead_port[i] != nullptr && (*lead_port[i] & lead_bit[i]) != 0) return true;
    }
    return false;
}

// The value is that of the last result: a late interrupt finds those before it overwritten.
void on_converted() {
    if (NRF_SAADC->EVENTS_END == 0) return;
    NRF_SAADC->EVENTS_END = 0;
    std::int16_t raw = 0;
    std::uint32_t results = 0;
    do {
        results = counted();
        raw = converted;
    } while (counted() != results);
    if (results == given) return;  // taken by the interrupt before
    give_missed(results - 1);
    ++given;
    wanted.give(lead_is_off() ? nullptr : &raw);
}

void prepare_leads() {
    for (int i = 0; i < 2; ++i) {
        if (wanted.config.lead_off_pins[i] == kNoPin) continue;
        pinMode(wanted.config.lead_off_pins[i], INPUT);
        const auto pin =
            static_cast<std::uint32_t>(digitalPinToPinName(wanted.config.lead_off_pins[i]));
        lead_port[i] = pin < 32 ? &NRF_P0->IN : &NRF_P1->IN;
        lead_bit[i] = 1UL << (pin % 32);
    }
}

// Returns the SAADC input of a pin of port 0, or NC if it has none.
std::uint32_t analog_input(std::uint32_t pin) {
    constexpr std::uint8_t kPins[] = {2, 3, 4, 5, 28, 29, 30, 31};
    for (std::uint32_t i = 0; i < sizeof kPins; ++i) {
        if (kPins[i] == pin) return SAADC_CH_PSELP_PSELP_AnalogInput0 + i;
    }
    return SAADC_CH_PSELP_PSELP_NC;
}

[[maybe_unused]] bool start_analog() {
    const std::uint32_t input =
        analog_input(static_cast<std::uint32_t>(digitalPinToPinName(wanted.config.pin)));
    if (input == SAADC_CH_PSELP_PSELP_NC) return false;
    prepare_leads();
    NRF_SAADC->INTENCLR = 0xFFFFFFFFU;
    NRF_SAADC->ENABLE = SAADC_ENABLE_ENABLE_Enabled;
    NRF_SAADC->RESOLUTION = SAADC_RESOLUTION_VAL_12bit;
    NRF_SAADC->OVERSAMPLE = SAADC_OVERSAMPLE_OVERSAMPLE_Bypass;
    NRF_SAADC->SAMPLERATE = 0;  // by task
    for (auto& channel : NRF_SAADC->CH) channel.PSELP = SAADC_CH_PSELP_PSELP_NC;
    // As in the core's analogRead(): full scale is the supply, 3.3 V.
    NRF_SAADC->CH[0].CONFIG = SAADC_CH_CONFIG_GAIN_Gain1_4 << SAADC_CH_CONFIG_GAIN_Pos |
                              SAADC_CH_CONFIG_REFSEL_VDD1_4 << SAADC_CH_CONFIG_REFSEL_Pos |
                              SAADC_CH_CONFIG_TACQ_10us << SAADC_CH_CONFIG_TACQ_Pos;
    NRF_SAADC->CH[0].PSELN = SAADC_CH_PSELN_PSELN_NC;
    NRF_SAADC->CH[0].PSELP = input;
    NRF_SAADC->RESULT.PTR = reinterpret_cast<std::uintptr_t>(&converted);
    NRF_SAADC->RESULT.MAXCNT = 1;
    NRF_SAADC->EVENTS_CALIBRATEDONE = 0;
    NRF_SAADC->TASKS_CALIBRATEOFFSET = 1;
    if (!wait_for(NRF_SAADC->EVENTS_CALIBRATEDONE)) return false;
    // Anomaly 86: without a stop after calibration, the first result belongs to it.
    NRF_SAADC->EVENTS_STOPPED = 0;
    NRF_SAADC->TASKS_STOP = 1;
    if (!wait_for(NRF_SAADC->EVENTS_STOPPED)) return false;
    NRF_SAADC->EVENTS_STARTED = NRF_SAADC->EVENTS_END = 0;
    NRF_SAADC->TASKS_START = 1;
    if (!wait_for(NRF_SAADC->EVENTS_STARTED)) return false;
    start_counter();
    connect(kAgainChannel, NRF_SAADC->EVENTS_END, NRF_SAADC->TASKS_START, &NRF_TIMER3->TASKS_COUNT);
    take_interrupt(SAADC_IRQn, on_converted);
    NRF_SAADC->INTENSET = SAADC_INTENSET_END_Msk;
    start_timer(wanted.config.rate_hz, NRF_SAADC->TASKS_SAMPLE);
    return true;
}

[[maybe_unused]] void stop_analog() {
    NVIC_DisableIRQ(SAADC_IRQn);
    NRF_SAADC->INTENCLR = SAADC_INTENCLR_END_Msk;
    NRF_SAADC->EVENTS_STOPPED = 0;
    NRF_SAADC->TASKS_STOP = 1;
    (void)wait_for(NRF_SAADC->EVENTS_STOPPED);
    NRF_SAADC->ENABLE = SAADC_ENABLE_ENABLE_Disabled;
}

// Code for other sensors than the image's takes no flash.
constexpr SensorKind kKind = model::kSensor.kind;
constexpr bool kIsAnalog = kKind == SensorKind::analog;
constexpr bool kIsImu = kKind == SensorKind::lsm9ds1 || kKind == SensorKind::bmi270;

class NanoSensor final : public SensorDriver {
  public:
    bool start(std::uint64_t) override {
        if constexpr (kIsImu) return start_imu();
        if constexpr (kIsAnalog) return wanted.values == 1 && start_analog();
        return false;
    }
    void stop() override {
        if constexpr (kIsImu || kIsAnalog) stop_timers();
        if constexpr (kIsImu) stop_imu();
        if constexpr (kIsAnalog) stop_analog();
    }
    bool ended() const override { return false; }
    bool present() const override { return kKind != SensorKind::none && wanted.config.rate_hz > 0; }
    bool gives_counts() const override { return false; }
    SensorTiming timing() const override {
        if constexpr (kIsImu) return imu_timing();
        return {};
    }
    const char* name() const override {
        if (!present()) return "none";
        if constexpr (kIsImu) {
            if (imu_problem() != nullptr) return imu_problem();
        }
        return wanted.config.name;
    }
};

NanoSensor nano_sensor;

}  // namespace

SensorDriver& sensor() {
    return nano_sensor;
}

void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick) {
    wanted = {config, channels, tick};
}

}  // namespace vigil::board

#endif
