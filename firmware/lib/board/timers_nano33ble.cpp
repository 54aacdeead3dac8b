#if defined(ARDUINO_ARDUINO_NANO33BLE)

// From the nRF52840 Product Specification, chapters TIMER and PPI.
#include "timers_nano33ble.h"

namespace vigil::board::nano {
namespace {

constexpr float kTimerHz = 16e6F;
constexpr unsigned kInterruptPriority = 6;

std::uint32_t register_of(const volatile std::uint32_t& event_or_task) {
    return reinterpret_cast<std::uintptr_t>(&event_or_task);
}

}  // namespace

Wanted wanted{};
std::uint32_t given = 0;

void start_counter() {
    NRF_TIMER3->TASKS_STOP = 1;
    NRF_TIMER3->TASKS_CLEAR = 1;
    NRF_TIMER3->MODE = TIMER_MODE_MODE_LowPowerCounter;
    NRF_TIMER3->BITMODE = TIMER_BITMODE_BITMODE_32Bit;
    NRF_TIMER3->TASKS_START = 1;
    given = 0;
}

std::uint32_t counted() {
    NRF_TIMER3->TASKS_CAPTURE[0] = 1;
    return NRF_TIMER3->CC[0];
}

void give_missed(std::uint32_t last) {
    for (; given != last; ++given) wanted.give(kMissedTick);
}

void connect(unsigned channel, const volatile std::uint32_t& event,
             const volatile std::uint32_t& task, const volatile std::uint32_t* other_task) {
    NRF_PPI->CH[channel].EEP = register_of(event);
    NRF_PPI->CH[channel].TEP = register_of(task);
    NRF_PPI->FORK[channel].TEP = other_task == nullptr ? 0 : register_of(*other_task);
    NRF_PPI->CHENSET = 1UL << channel;
}

void start_timer(float hz, const volatile std::uint32_t& task,
                 const volatile std::uint32_t* other_task) {
    NRF_CLOCK->TASKS_HFCLKSTART = 1;  // the crystal: the internal oscillator is off by percents
    NRF_TIMER4->TASKS_STOP = 1;
    NRF_TIMER4->TASKS_CLEAR = 1;
    NRF_TIMER4->MODE = TIMER_MODE_MODE_Timer;
    NRF_TIMER4->BITMODE = TIMER_BITMODE_BITMODE_32Bit;
    NRF_TIMER4->PRESCALER = 0;
    NRF_TIMER4->CC[0] = static_cast<std::uint32_t>(kTimerHz / hz + 0.5F);
    NRF_TIMER4->SHORTS = TIMER_SHORTS_COMPARE0_CLEAR_Msk;
    connect(kStartChannel, NRF_TIMER4->EVENTS_COMPARE[0], task, other_task);
    NRF_TIMER4->TASKS_START = 1;
}

void stop_timers() {
    NRF_PPI->CHENCLR = 1UL << kStartChannel | 1UL << kAgainChannel;
    for (NRF_TIMER_Type* const timer : {NRF_TIMER4, NRF_TIMER3}) {
        timer->TASKS_STOP = 1;
        timer->TASKS_SHUTDOWN = 1;  // anomaly 78: current flows after a stop alone
    }
}

void take_interrupt(IRQn_Type irq, void (*handler)()) {
    NVIC_DisableIRQ(irq);
    NVIC_SetVector(irq, reinterpret_cast<std::uintptr_t>(handler));
    NVIC_SetPriority(irq, kInterruptPriority);
    NVIC_ClearPendingIRQ(irq);
    NVIC_EnableIRQ(irq);
}

}  // namespace vigil::board::nano

#endif
