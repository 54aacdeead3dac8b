// The vector table. An interrupt or exception without handler is a fault.
#include <cstdint>

#include "machine.h"

extern "C" {

extern std::uint32_t __stack_top[];

[[noreturn]] void Reset_Handler(void);
void Fault_Handler(void);
void Uart0Rx_Handler(void);
void Uart0Tx_Handler(void);
void Timer0_Handler(void);
void Timer1_Handler(void);
void Sampling_Handler(void);
}

namespace {

using Handler = void (*)();
struct Vectors {
    const void* stack;
    Handler handlers[15 + emulated::machine::kInterrupts];
};

constexpr Vectors make_vectors() {
    Vectors v{};
    v.stack = __stack_top;
    for (Handler& handler : v.handlers) {
        handler = Fault_Handler;
    }
    v.handlers[0] = Reset_Handler;
    v.handlers[15 + emulated::machine::kUart0RxIrq] = Uart0Rx_Handler;
    v.handlers[15 + emulated::machine::kUart0TxIrq] = Uart0Tx_Handler;
    v.handlers[15 + emulated::machine::kTimer0Irq] = Timer0_Handler;
    v.handlers[15 + emulated::machine::kTimer1Irq] = Timer1_Handler;
    v.handlers[15 + emulated::machine::kDualTimerIrq] = Sampling_Handler;
    return v;
}

[[gnu::section(".vectors"), gnu::used]] constexpr Vectors kVectors = make_vectors();

}  // namespace
