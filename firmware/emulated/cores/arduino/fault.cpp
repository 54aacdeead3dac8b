// Reports a fault on the emulator's standard error and on the serial port, and ends the emulator
// with an error code.
#include <cstdint>
#include <cstdlib>

#include "emulated.h"
#include "registers.h"
#include "semihosting.h"

extern "C" {
extern std::uint32_t __stack_top[], __ram_start[], __ram_end[];
[[noreturn]] void report_fault(const std::uint32_t* frame);
}

namespace {

constexpr std::uint32_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit

void say(const char* text) {
    emulated_log(text);
    emulated::Uart& uart = emulated::uart0();
    uart.control = emulated::kUartTxEnable;
    for (; *text != '\0'; ++text) {
        // Bounded: the host may not be reading.
        for (int patience = 100000; (uart.state & emulated::kUartTxFull) != 0 && patience > 0;) {
            --patience;
        }
        uart.data = static_cast<std::uint8_t>(*text);
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

const char* name_of(std::uint32_t exception) {
    switch (exception) {
        case 2:
            return "NMI";
        case 3:
            return "HardFault";
        case 4:
            return "MemManage";
        case 5:
            return "BusFault";
        case 6:
            return "UsageFault";
        default:
            return "unexpected interrupt";
    }
}

// Configurable Fault Status Register, bit by bit (Armv7-M B3.2.15).
struct Cause {
    std::uint32_t mask;
    const char* text;
};
constexpr Cause kCauses[] = {
    {1U << 0U, " instruction fetch from forbidden memory"},
    {1U << 1U, " access to forbidden memory"},
    {1U << 4U | 1U << 12U, " stack overflow"},
    {1U << 5U, " stack overflow in lazy FPU save"},
    {1U << 8U, " instruction bus error"},
    {1U << 9U | 1U << 10U, " data bus error"},
    {1U << 16U, " undefined instruction"},
    {1U << 17U, " invalid state (call to an even address?)"},
    {1U << 19U, " no coprocessor"},
    {1U << 24U, " unaligned access"},
    {1U << 25U, " division by zero"},
};

}  // namespace

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

void report_fault(const std::uint32_t* frame) {
    std::uint32_t exception = 0;
    asm volatile("mrs %0, ipsr" : "=r"(exception));
    const std::uint32_t status = emulated::system_register(0xE000ED28U);
    say("\r\nfault: ");
    say(name_of(exception));
    for (const Cause& cause : kCauses) {
        if ((status & cause.mask) != 0) {
            say(cause.text);
        }
    }
    // After a stack overflow the frame is outside SRAM, and cannot be read.
    if (frame >= __ram_start && frame + 8 <= __ram_end) {
        say_register(" pc=", frame[6]);
        say_register(" lr=", frame[5]);
    }
    say_register(" cfsr=", status);
    if ((status & (1U << 7U)) != 0) {
        say_register(" address=", emulated::system_register(0xE000ED34U));
    } else if ((status & (1U << 15U)) != 0) {
        say_register(" address=", emulated::system_register(0xE000ED38U));
    }
    say("\r\n");
    emulated_exit(emulated::kFaultExit);
}

// The report starts at the top of the stack, because the stack itself may have overflowed. It never
// returns.
extern "C" [[gnu::naked]] void Fault_Handler(void) {
    asm volatile(
        "mrs r0, msp\n"
        "ldr r1, =__stack_top\n"
        "msr msp, r1\n"
        "bl report_fault\n");
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
