// The SSE-300's timers: each compares a value of its own with one counter of 64 bits, which is the
// clock of virtual time.
//
// The counter's clock has 32 MHz; its scale makes a tick a nanosecond. QEMU rounds the instant of
// an interrupt down, and tries again without end where that instant is before the tick. All
// instants are therefore multiples of four periods of the clock.
#pragma once

#include "clock.h"
#include "counter.h"
#include "handlers.h"
#include "registers.h"

namespace emulated {

struct SystemCounter {
    volatile std::uint32_t control;
    volatile std::uint32_t status;
    volatile std::uint32_t count[2];  // low word first, here and below
    volatile std::uint32_t scale;     // ticks per period of the clock, with 24 bits of fraction
};

struct SystemTimer {
    volatile std::uint32_t count[2];
    std::uint32_t reserved[6];
    volatile std::uint32_t compare[2];
    std::uint32_t left;
    volatile std::uint32_t control;
};

constexpr std::uint32_t kCounterEnable = 1U << 0U;
constexpr std::uint32_t kCounterScaled = 1U << 2U;
constexpr std::uint32_t kNanosecondsPerPeriod = 125U << 22U;  // 31.25
constexpr std::uint32_t kFourPeriods = 125;                   // ns
constexpr std::uint32_t kTimerEnable = 1U << 0U;

inline SystemTimer& alarm_timer() {
    return *reinterpret_cast<SystemTimer*>(machine::kTimer0);
}
inline SystemTimer& sampling_timer() {
    return *reinterpret_cast<SystemTimer*>(machine::kTimer1);
}

// Instructions of an interrupt handler outside its two readings of the clock, by the listing.
constexpr std::uint32_t kInstructionsAroundHandler = 11;

inline void start_timers() {
    SystemCounter& counter = *reinterpret_cast<SystemCounter*>(machine::kCounter);
    counter.control = 0;
    counter.scale = kNanosecondsPerPeriod;
    counter.count[0] = 0;
    counter.count[1] = 0;
    counter.control = kCounterEnable | kCounterScaled;
    enable_irq(machine::kAlarmIrq);
    enable_irq(machine::kSamplingIrq);
}

// clock_reading() reads the clock; ticks_since() returns the ticks since a reading, modulo 2^32.
inline std::uint32_t clock_reading() {
    return alarm_timer().count[0];
}
inline std::uint32_t ticks_since(std::uint32_t reading) {
    return clock_reading() - reading;
}

// Ticks since start_timers().
inline std::uint64_t clock_ticks() {
    const SystemTimer& timer = alarm_timer();
    return read_counter([&] { return timer.count[1]; }, [&] { return timer.count[0]; });
}

// Interrupts at `time` or up to 124 ns later. The first write excludes an interrupt in between.
inline void interrupt_at(SystemTimer& timer, std::uint64_t time) {
    const std::uint64_t value = (time + kFourPeriods - 1) / kFourPeriods * kFourPeriods;
    timer.compare[1] = UINT32_MAX;
    timer.compare[0] = static_cast<std::uint32_t>(value);
    timer.compare[1] = static_cast<std::uint32_t>(value >> 32U);
}

// Interrupts once, `nanoseconds` from now, unless stop_alarm() comes first.
inline void start_alarm(std::uint32_t nanoseconds) {
    interrupt_at(alarm_timer(), clock_ticks() + nanoseconds);
    alarm_timer().control = kTimerEnable;
}
inline void stop_alarm() {
    alarm_timer().control = 0;
}

inline std::uint64_t next_frame = 0;
inline std::uint64_t frame_period = 0;

// Interrupts `rate_hz` times per second, until stop_sampling().
inline void start_sampling(float rate_hz) {
    frame_period = static_cast<std::uint64_t>(1e9F / rate_hz + 0.5F);
    next_frame = clock_ticks() + frame_period;
    interrupt_at(sampling_timer(), next_frame);
    sampling_timer().control = kTimerEnable;
}
inline void stop_sampling() {
    sampling_timer().control = 0;
}
// Call it in Sampling_Handler, and after stop_sampling().
inline void clear_sampling() {
    next_frame += frame_period;
    interrupt_at(sampling_timer(), next_frame);
}

}  // namespace emulated

// Wakes emulated_sleep().
extern "C" inline void Alarm_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::stop_alarm();
    emulated::handler_done(start);
}

namespace emulated {

constexpr Interrupt kTimerInterrupts[] = {
    {machine::kAlarmIrq, Alarm_Handler},
    {machine::kSamplingIrq, Sampling_Handler},
};

}  // namespace emulated
