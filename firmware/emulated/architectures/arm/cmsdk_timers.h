// Timers of Arm's CMSDK: 32 bits, counting down, at one rate.
//
// Timer 0 is the clock of virtual time, timer 1 wakes a sleeping board, and the dual timer starts
// the frames of the analog-to-digital converter.
#pragma once

#include "clock.h"
#include "handlers.h"
#include "registers.h"

namespace emulated {

struct Timer {
    volatile std::uint32_t control;
    volatile std::uint32_t value;  // counts down
    volatile std::uint32_t reload;
    volatile std::uint32_t interrupts;  // write 1 to clear
};

// One of the two counters of the dual timer (Arm CMSDK, as SP804).
struct DualTimer {
    volatile std::uint32_t load;
    volatile std::uint32_t value;  // counts down
    volatile std::uint32_t control;
    volatile std::uint32_t clear;  // any write clears the interrupt
};

constexpr std::uint32_t kTimerEnable = 1U << 0U;
constexpr std::uint32_t kTimerInterrupt = 1U << 3U;

constexpr std::uint32_t kDualTimer32Bit = 1U << 1U;
constexpr std::uint32_t kDualTimerInterrupt = 1U << 5U;
constexpr std::uint32_t kDualTimerPeriodic = 1U << 6U;
constexpr std::uint32_t kDualTimerEnable = 1U << 7U;

inline Timer& timer0() {
    return *reinterpret_cast<Timer*>(machine::kTimer0);
}
inline Timer& timer1() {
    return *reinterpret_cast<Timer*>(machine::kTimer1);
}
inline DualTimer& dual_timer() {
    return *reinterpret_cast<DualTimer*>(machine::kDualTimer);
}

// Ten instructions of an interrupt handler are outside its two readings of the clock, by the
// listing for the Cortex-M4. A change fails tests/tools/boards/test_emulated_time.py.
constexpr std::uint32_t kInstructionsAroundHandler = 10;

// Timer 0 wraps every 172 seconds. Its interrupt counts the wraps.
extern volatile std::uint32_t clock_wraps;

inline void start_timers() {
    Timer& timer = timer0();
    timer.control = 0;
    timer.reload = 0xFFFFFFFFU;
    timer.value = 0xFFFFFFFFU;
    timer.interrupts = 1;
    enable_irq(machine::kClockIrq);
    enable_irq(machine::kAlarmIrq);
    timer.control = kTimerEnable | kTimerInterrupt;
}

// clock_reading() reads the clock; ticks_since() returns the ticks since a reading, modulo 2^32.
inline std::uint32_t clock_reading() {
    return timer0().value;
}
inline std::uint32_t ticks_since(std::uint32_t reading) {
    return reading - timer0().value;
}

// Ticks since start_timers(). With interrupts locked, a wrap shows as pending.
inline std::uint64_t clock_ticks() {
    const Timer& timer = timer0();
    for (;;) {
        const std::uint32_t before = clock_wraps;
        const std::uint32_t down = timer.value;
        const bool pending = (timer.interrupts & 1U) != 0;
        if (before == clock_wraps) {
            const std::uint32_t high = before + (pending && down > 0x80000000U ? 1U : 0U);
            return static_cast<std::uint64_t>(high) << 32U | (0xFFFFFFFFU - down);
        }
    }
}

// Interrupts once, `nanoseconds` from now, unless stop_alarm() comes first.
inline void start_alarm(std::uint32_t nanoseconds) {
    Timer& timer = timer1();
    timer.control = 0;
    timer.reload = nanoseconds / machine::kTickNanoseconds + 1;
    timer.value = nanoseconds / machine::kTickNanoseconds + 1;
    timer.control = kTimerEnable | kTimerInterrupt;
}
inline void stop_alarm() {
    timer1().control = 0;
}

// Interrupts `rate_hz` times per second, until stop_sampling().
inline void start_sampling(float rate_hz) {
    constexpr float kTimerHz = 1e9F / machine::kTickNanoseconds;
    DualTimer& timer = dual_timer();
    timer.load = static_cast<std::uint32_t>(kTimerHz / rate_hz + 0.5F);
    enable_irq(machine::kSamplingIrq);
    timer.control = kDualTimerEnable | kDualTimerPeriodic | kDualTimerInterrupt | kDualTimer32Bit;
}
inline void stop_sampling() {
    dual_timer().control = 0;
}
// Call it in Sampling_Handler, and after stop_sampling().
inline void clear_sampling() {
    dual_timer().clear = 1;
}

}  // namespace emulated

extern "C" inline void Clock_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::clock_wraps = emulated::clock_wraps + 1;
    emulated::timer0().interrupts = 1;
    emulated::handler_done(start);
}

// Wakes emulated_sleep().
extern "C" inline void Alarm_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::timer1().control = 0;
    emulated::timer1().interrupts = 1;
    emulated::handler_done(start);
}

namespace emulated {

constexpr Interrupt kTimerInterrupts[] = {
    {machine::kClockIrq, Clock_Handler},
    {machine::kAlarmIrq, Alarm_Handler},
    {machine::kSamplingIrq, Sampling_Handler},
};

}  // namespace emulated
