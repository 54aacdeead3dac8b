// Pins: the LED is in QEMU's FPGA I/O block, which the host can read; other pins store their level.
// A0 plays the recording of the converter (adc.h), if there is one, a frame per reading; other
// analog pins are open and read noise.
#include "Arduino.h"
#include "adc.h"
#include "emulated.h"
#include "machine.h"

namespace {

volatile std::uint8_t levels[kPinCount];

// LEDs of the FPGA board, or a word of memory instead; the host reads them in QEMU's monitor.
volatile std::uint32_t& leds() {
    return *reinterpret_cast<volatile std::uint32_t*>(emulated::machine::kLeds);
}

}  // namespace

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
        leds() = level == LOW ? 0U : 1U;
    }
}

int digitalRead(pin_size_t pin) {
    return pin < kPinCount ? levels[pin] : LOW;
}

int analogRead(pin_size_t pin) {
    if (pin == A0 && emulated_adc_begin(1)) {
        return emulated_adc_read();
    }
    // A linear congruential generator (Numerical Recipes), of which the high bits are the better.
    static std::uint32_t noise = 0;
    if (noise == 0) {
        noise = emulated_boot_id();
    }
    noise = 1664525U * noise + 1013904223U;
    return static_cast<int>(noise >> 20U);
}

void analogReadResolution(int) {}
