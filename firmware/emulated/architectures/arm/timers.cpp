#include "timers.h"

#include "clock.h"

namespace emulated {

volatile std::uint32_t clock_wraps = 0;

}  // namespace emulated

extern "C" {
void Timer0_Handler(void);
void Timer1_Handler(void);
}

extern "C" void Timer0_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::clock_wraps = emulated::clock_wraps + 1;
    emulated::timer0().interrupts = 1;
    emulated::handler_done(start);
}

// Wakes emulated_sleep().
extern "C" void Timer1_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::timer1().control = 0;
    emulated::timer1().interrupts = 1;
    emulated::handler_done(start);
}
