// Writes reports to the emulator's standard error and to the serial port, and ends the emulator
// with an error code. The architecture's report_fault.cpp names the faults.
#include "fault.h"

#include <cstdint>
#include <cstdlib>

#include "emulated.h"
#include "interrupts.h"
#include "semihosting.h"
#include "uart.h"

namespace {

constexpr std::uint32_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit

}  // namespace

namespace emulated {

void say(const char* text) {
    emulated_log(text);
    uart_only_send();
    for (; *text != '\0'; ++text) {
        // Bounded: the host may not be reading.
        for (int patience = 100000; uart_is_full() && patience > 0;) {
            --patience;
        }
        uart_send(static_cast<std::uint8_t>(*text));
    }
}

void say_register(const char* name, std::uint32_t value) {
    char text[9];
    for (int i = 0; i < 8; ++i) {
        text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 0xFU];
    }
    text[8] = '\0';
    say(name);
    say(text);
}

}  // namespace emulated

using emulated::say;

void emulated_log(const char* text) {
    emulated::semihost(emulated::Call::write_text, text);
}

void emulated_exit(int code) {
    const std::uint32_t block[2] = {kApplicationExit, static_cast<std::uint32_t>(code)};
    emulated::semihost(emulated::Call::exit_extended, block);
    for (;;) {
        emulated::wait_for_interrupt();
    }
}

// Called by the C and C++ libraries on fatal errors.
extern "C" {

[[noreturn]] void abort(void) {
    say("\r\nabort\r\n");
    emulated_exit(emulated::kFaultExit);
}

[[noreturn]] void __assert_func(const char* file, int, const char* function, const char* what) {
    say("\r\nassertion failed: ");
    say(what);
    say(" in ");
    say(function != nullptr ? function : "?");
    say(" (");
    say(file);
    say(")\r\n");
    emulated_exit(emulated::kFaultExit);
}

[[noreturn]] void __cxa_pure_virtual(void) {
    say("\r\npure virtual function called\r\n");
    emulated_exit(emulated::kFaultExit);
}
}
