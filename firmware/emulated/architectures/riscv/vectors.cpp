// Holds the code at reset, the table of traps and the call of the emulator. An exception or an
// interrupt without handler is a fault. Its report starts at the top of the stack, because the
// stack itself may have overflowed.
#include <cstdint>

#include "handlers.h"
#include "registers.h"
#include "semihost.h"
#include "uart.h"

asm(R"(
    .section .vectors, "ax", @progbits
    .option push
    .option norvc
    .option norelax
    .global vigil_reset
vigil_reset:
    la sp, __stack_top
    la t0, vigil_traps + 1
    csrw mtvec, t0
    tail Reset_Handler

    .balign 64
vigil_traps:
    .rept 7
    j vigil_fault
    .endr
    j Sampling_Trap
    .rept 3
    j vigil_fault
    .endr
    j External_Trap

vigil_fault:
    la sp, __stack_top
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    mv a3, ra
    tail report_fault

)" VIGIL_SEMIHOST_ROUTINE R"(
    .option pop
    .text
)");

extern "C" {
void Sampling_Trap(void);
void External_Trap(void);
}

extern "C" [[gnu::interrupt]] void Sampling_Trap(void) {
    Sampling_Handler();
}

extern "C" [[gnu::interrupt]] void External_Trap(void) {
    const std::uint32_t irq =
        emulated::device_register(emulated::machine::kPlic, emulated::kPlicClaim);
    constexpr std::uint8_t kSent = 2;
    if ((emulated::uart0(emulated::kUartCause) & 0xFU) == kSent) {
        Uart0Tx_Handler();
    } else {
        emulated::uart_handle_received();
    }
    emulated::device_register(emulated::machine::kPlic, emulated::kPlicClaim) = irq;
}
