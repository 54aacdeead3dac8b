#if defined(ARDUINO_ARDUINO_NANO33BLE)

// The Nano's own sensors. A timer starts each reading by hardware, so that processor load does not
// delay it; the reading ends in an interrupt. Another timer counts the readings, also those that a
// late interrupt misses. From the nRF52840 Product Specification (chapters
// TIMER, PPI, SAADC, TWIM) and the LSM9DS1 data sheet. A sketch must not also use the core's
// drivers of converter and internal I2C bus.

#include <Arduino.h>
#include <nrf.h>

#include "board.h"

namespace vigil::board {
namespace {

constexpr float kTimerHz = 16e6F;
constexpr unsigned kStartChannel = 12;  // of the PPI: the timer starts a reading
constexpr unsigned kAgainChannel = 13;  // a result re-arms the converter
constexpr unsigned kInterruptPriority = 6;
constexpr std::uint32_t kTimeoutUs = 10'000;  // for each wait for the hardware

SensorTick give = nullptr;
SensorConfig wanted{};
std::uint32_t values = 0;  // values per sample

template <typename Event>
bool wait_for(Event& event) {
    const unsigned long start = micros();
    while (event == 0) {
        if (micros() - start > kTimeoutUs) return false;
    }
    event = 0;
    return true;
}

// --- the timers ----------------------------------------------------------------------------------

std::uint32_t given = 0;  // ticks reported so far

// Starts counting a peripheral's readings in TIMER3, by hardware: an interrupt that comes late
// finds how many it has missed.
void start_counter() {
    NRF_TIMER3->TASKS_STOP = 1;
    NRF_TIMER3->TASKS_CLEAR = 1;
    NRF_TIMER3->MODE = TIMER_MODE_MODE_LowPowerCounter;
    NRF_TIMER3->BITMODE = TIMER_BITMODE_BITMODE_32Bit;
    NRF_TIMER3->TASKS_START = 1;
    given = 0;
}

std::uint32_t counted() {
    NRF_TIMER3->TASKS_CAPTURE[0] = 1;
    return NRF_TIMER3->CC[0];
}

// Reports the ticks up to and with number `last` as missed.
void give_missed(std::uint32_t last) {
    for (; given != last; ++given) give(kMissedTick);
}

std::uint32_t register_of(const volatile std::uint32_t& event_or_task) {
    return reinterpret_cast<std::uintptr_t>(&event_or_task);
}

void connect(unsigned channel, const volatile std::uint32_t& event,
             const volatile std::uint32_t& task, const volatile std::uint32_t* other_task) {
    NRF_PPI->CH[channel].EEP = register_of(event);
    NRF_PPI->CH[channel].TEP = register_of(task);
    NRF_PPI->FORK[channel].TEP = other_task == nullptr ? 0 : register_of(*other_task);
    NRF_PPI->CHENSET = 1UL << channel;
}

// Starts `task` of a peripheral once per period, and `other_task` if given.
void start_timer(const volatile std::uint32_t& task,
                 const volatile std::uint32_t* other_task = nullptr) {
    NRF_CLOCK->TASKS_HFCLKSTART = 1;  // the crystal: the internal oscillator is off by percents
    NRF_TIMER4->TASKS_STOP = 1;
    NRF_TIMER4->TASKS_CLEAR = 1;
    NRF_TIMER4->MODE = TIMER_MODE_MODE_Timer;
    NRF_TIMER4->BITMODE = TIMER_BITMODE_BITMODE_32Bit;
    NRF_TIMER4->PRESCALER = 0;
    NRF_TIMER4->CC[0] = static_cast<std::uint32_t>(kTimerHz / wanted.rate_hz + 0.5F);
    NRF_TIMER4->SHORTS = TIMER_SHORTS_COMPARE0_CLEAR_Msk;
    connect(kStartChannel, NRF_TIMER4->EVENTS_COMPARE[0], task, other_task);
    NRF_TIMER4->TASKS_START = 1;
}

void stop_timers() {
    NRF_PPI->CHENCLR = 1UL << kStartChannel | 1UL << kAgainChannel;
    for (NRF_TIMER_Type* const timer : {NRF_TIMER4, NRF_TIMER3}) {
        timer->TASKS_STOP = 1;
        timer->TASKS_SHUTDOWN = 1;  // anomaly 78: current flows after a stop alone
    }
}

void take_interrupt(IRQn_Type irq, void (*handler)()) {
    NVIC_DisableIRQ(irq);
    NVIC_SetVector(irq, reinterpret_cast<std::uintptr_t>(handler));
    NVIC_SetPriority(irq, kInterruptPriority);
    NVIC_ClearPendingIRQ(irq);
    NVIC_EnableIRQ(irq);
}

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
    give(lead_is_off() ? nullptr : &raw);
}

void prepare_leads() {
    for (int i = 0; i < 2; ++i) {
        if (wanted.lead_off_pins[i] == kNoPin) continue;
        pinMode(wanted.lead_off_pins[i], INPUT);
        const auto pin = static_cast<std::uint32_t>(digitalPinToPinName(wanted.lead_off_pins[i]));
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

bool start_analog() {
    const std::uint32_t input =
        analog_input(static_cast<std::uint32_t>(digitalPinToPinName(wanted.pin)));
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
    start_timer(NRF_SAADC->TASKS_SAMPLE);
    return true;
}

void stop_analog() {
    NVIC_DisableIRQ(SAADC_IRQn);
    NRF_SAADC->INTENCLR = SAADC_INTENCLR_END_Msk;
    NRF_SAADC->EVENTS_STOPPED = 0;
    NRF_SAADC->TASKS_STOP = 1;
    (void)wait_for(NRF_SAADC->EVENTS_STOPPED);
    NRF_SAADC->ENABLE = SAADC_ENABLE_ENABLE_Disabled;
}

// --- the accelerometer ---------------------------------------------------------------------------

constexpr std::uint32_t kImuAddress = 0x6B;
// The Sense Rev2 has a BMI270 instead. It needs a configuration that its maker publishes, so it is
// named, but not read.
constexpr std::uint32_t kRev2Address = 0x68;
constexpr std::uint8_t kRev2WhoAmI = 0x00;
constexpr std::uint8_t kIsBmi270 = 0x24;
constexpr std::uint8_t kWhoAmI = 0x0F;
constexpr std::uint8_t kIsLsm9ds1 = 0x68;
constexpr std::uint8_t kControl5 = 0x1F;
constexpr std::uint8_t kControl6 = 0x20;
constexpr std::uint8_t kControl8 = 0x22;
constexpr std::uint8_t kOutput = 0x28;
constexpr std::uint8_t kAllAxes = 0x38;
constexpr std::uint8_t kScale4g = 2U << 3U;
constexpr std::uint8_t kWholeSamples = 0x44;  // both bytes of one reading; the address increments
constexpr std::uint32_t kAxes = 3;

const char* other_chip = nullptr;  // that the bus has in place of the one that is read
std::uint8_t sent[2];              // EasyDMA reads and writes RAM
volatile std::uint8_t got[2 * kAxes];

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
    NRF_TWIM1->ADDRESS = kImuAddress;
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

// Sends `send` bytes, then reads `receive`. Returns false if the chip does not answer.
bool transfer(std::uint32_t send, std::uint32_t receive) {
    NRF_TWIM1->TXD.MAXCNT = send;
    NRF_TWIM1->RXD.MAXCNT = receive;
    NRF_TWIM1->SHORTS = receive == 0 ? TWIM_SHORTS_LASTTX_STOP_Msk
                                     : TWIM_SHORTS_LASTTX_STARTRX_Msk | TWIM_SHORTS_LASTRX_STOP_Msk;
    NRF_TWIM1->EVENTS_STOPPED = NRF_TWIM1->EVENTS_ERROR = 0;
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

bool write_register(std::uint8_t number, std::uint8_t value) {
    sent[0] = number;
    sent[1] = value;
    return transfer(2, 0);
}

// Returns the slowest of the chip's rates that is not below the model's, as coded in CTRL_REG6_XL.
std::uint8_t output_rate() {
    constexpr float kRates[] = {10, 50, 119, 238, 476, 952};
    std::uint8_t code = 1;
    for (const float rate : kRates) {
        if (rate >= wanted.rate_hz || code == sizeof kRates / sizeof *kRates) break;
        ++code;
    }
    return static_cast<std::uint8_t>(code << 5U);
}

// TIMER3 counts the starts. If the next reading has started, it may have overwritten this one.
void on_read() {
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
    std::int16_t raw[kAxes];
    for (std::uint32_t i = 0; i < kAxes; ++i) {
        raw[i] = static_cast<std::int16_t>(got[2 * i] | got[2 * i + 1] << 8U);
    }
    if (started == given) return;
    give_missed(started - 1);
    ++given;
    give(refused ? nullptr : counted() != started ? kMissedTick : raw);
}

// Whether the chip at `address` has this identity.
bool answers(std::uint32_t address, std::uint8_t number, std::uint8_t identity) {
    NRF_TWIM1->ADDRESS = address;
    sent[0] = number;
    return transfer(1, 1) && got[0] == identity;
}

bool start_imu() {
    if (values != kAxes) return false;
    prepare_bus();
    take_interrupt(SPIM1_SPIS1_TWIM1_TWIS1_SPI1_TWI1_IRQn, on_read);
    if (!answers(kImuAddress, kWhoAmI, kIsLsm9ds1)) {
        if (answers(kRev2Address, kRev2WhoAmI, kIsBmi270)) other_chip = "BMI270 (Rev2): not read";
        return false;
    }
    if (!write_register(kControl8, kWholeSamples) || !write_register(kControl5, kAllAxes) ||
        !write_register(kControl6, static_cast<std::uint8_t>(output_rate() | kScale4g))) {
        return false;
    }
    sent[0] = kOutput;
    NRF_TWIM1->TXD.MAXCNT = 1;
    NRF_TWIM1->RXD.MAXCNT = sizeof got;
    NRF_TWIM1->SHORTS = TWIM_SHORTS_LASTTX_STARTRX_Msk | TWIM_SHORTS_LASTRX_STOP_Msk;
    NRF_TWIM1->EVENTS_STOPPED = NRF_TWIM1->EVENTS_ERROR = 0;
    NRF_TWIM1->INTENSET = TWIM_INTENSET_STOPPED_Msk | TWIM_INTENSET_ERROR_Msk;
    start_counter();
    start_timer(NRF_TWIM1->TASKS_STARTTX, &NRF_TIMER3->TASKS_COUNT);
    return true;
}

void stop_imu() {
    NVIC_DisableIRQ(SPIM1_SPIS1_TWIM1_TWIS1_SPI1_TWI1_IRQn);
    NRF_TWIM1->INTENCLR = 0xFFFFFFFFU;
    NRF_TWIM1->EVENTS_STOPPED = 0;
    stop_bus();
    (void)wait_for(NRF_TWIM1->EVENTS_STOPPED);
    (void)write_register(kControl6, 0);  // power down
    NRF_TWIM1->ENABLE = TWIM_ENABLE_ENABLE_Disabled;
}

class NanoSensor final : public SensorDriver {
  public:
    bool start(std::uint64_t) override {
        return wanted.kind == SensorKind::imu ? start_imu() : values == 1 && start_analog();
    }
    void stop() override {
        stop_timers();
        if (wanted.kind == SensorKind::imu) {
            stop_imu();
        } else {
            stop_analog();
        }
    }
    bool ended() const override { return false; }
    bool present() const override { return wanted.kind != SensorKind::none && wanted.rate_hz > 0; }
    bool gives_counts() const override { return false; }
    const char* name() const override {
        if (!present()) return "none";
        return other_chip != nullptr ? other_chip : wanted.name;
    }
};

NanoSensor nano_sensor;

}  // namespace

SensorDriver& sensor() {
    return nano_sensor;
}

void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick) {
    wanted = config;
    values = channels;
    give = tick;
}

}  // namespace vigil::board

#endif
