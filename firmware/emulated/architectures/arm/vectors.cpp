// The vector table. An interrupt or exception without handler is a fault.
#include <cstdint>

#include "handlers.h"
#include "registers.h"
#include "timers.h"

extern "C" {

extern std::uint32_t __stack_top[];

void Fault_Handler(void);
}

namespace {

struct Vectors {
    const void* stack;
    emulated::Handler handlers[15 + emulated::machine::kInterrupts];
};

constexpr Vectors make_vectors() {
    Vectors v{};
    v.stack = __stack_top;
    for (emulated::Handler& handler : v.handlers) {
        handler = Fault_Handler;
    }
    v.handlers[0] = Reset_Handler;
    v.handlers[15 + emulated::machine::kUart0RxIrq] = Uart0Rx_Handler;
    v.handlers[15 + emulated::machine::kUart0TxIrq] = Uart0Tx_Handler;
    for (const emulated::Interrupt& timer : emulated::kTimerInterrupts) {
        v.handlers[15 + timer.number] = timer.handler;
    }
    return v;
}

[[gnu::section(".vectors"), gnu::used]] constexpr Vectors kVectors = make_vectors();

}  // namespace
