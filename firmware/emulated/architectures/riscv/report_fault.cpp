// Names a fault by the core's own registers.
#include <cstdint>

#include "emulated.h"
#include "fault.h"

extern "C" [[noreturn]] void report_fault(std::uint32_t cause, std::uint32_t pc,
                                          std::uint32_t value, std::uint32_t ra);

namespace {

using emulated::say;
using emulated::say_register;

// Exceptions by their number in mcause (RISC-V Privileged Architecture, table 3.6).
const char* name_of(std::uint32_t cause) {
    switch (cause) {
        case 0:
            return "unaligned instruction fetch";
        case 1:
            return "instruction fetch from forbidden memory";
        case 2:
            return "undefined instruction";
        case 3:
            return "breakpoint";
        case 4:
        case 6:
            return "unaligned access";
        case 5:
            return "load, access to forbidden memory";
        case 7:
            return "store, access to forbidden memory";
        default:
            return "unexpected interrupt";
    }
}

}  // namespace

void report_fault(std::uint32_t cause, std::uint32_t pc, std::uint32_t value, std::uint32_t ra) {
    say("\r\nfault: ");
    say(name_of(cause));
    say_register(" pc=", pc);
    say_register(" ra=", ra);
    say_register(" mcause=", cause);
    constexpr std::uint32_t kUndefinedInstruction = 2;
    say_register(cause == kUndefinedInstruction ? " instruction=" : " address=", value);
    say("\r\n");
    emulated_exit(emulated::kFaultExit);
}
