// Names a fault by the core's own registers.
#include <cstdint>

#include "emulated.h"
#include "fault.h"
#include "registers.h"

extern "C" {
extern std::uint32_t __stack_top[], __ram_start[], __ram_end[];
[[noreturn]] void report_fault(const std::uint32_t* frame);
void Fault_Handler(void);
}

namespace {

using emulated::say;
using emulated::say_register;

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
