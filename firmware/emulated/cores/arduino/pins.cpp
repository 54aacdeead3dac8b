// Pins: the LED is in QEMU's FPGA I/O block, which the host can read; other pins store their level.
#include "Arduino.h"
#include "registers.h"

namespace {

volatile std::uint8_t levels[kPinCount];

}  // namespace

// Values that analogRead() returns, one per analog input; set by the program.
extern "C" {
volatile std::uint16_t emulated_analog[kAnalogCount];
}

void pinMode(pin_size_t pin, int mode) {
    if (pin < kPinCount && mode == INPUT_PULLUP) {
        levels[pin] = HIGH;
    }
}

void digitalWrite(pin_size_t pin, int level) {
    if (pin >= kPinCount) {
        return;
    }
    levels[pin] = level == LOW ? LOW : HIGH;
    if (pin == LED_BUILTIN) {
        emulated::leds() = level == LOW ? 0U : 1U;
    }
}

int digitalRead(pin_size_t pin) {
    return pin < kPinCount ? levels[pin] : LOW;
}

int analogRead(pin_size_t pin) {
    const unsigned channel = pin >= A0 ? pin - static_cast<unsigned>(A0) : pin;
    return channel < kAnalogCount ? emulated_analog[channel] : 0;
}

void analogReadResolution(int) {}
