// The clock is the counter mcycle. The timer of the CLINT interrupts.
//
// With -icount, QEMU counts nanoseconds of virtual time in mcycle, not cycles. The timer, of 100
// ns, wakes a sleeping board and starts the frames of the analog-to-digital converter: its
// interrupt calls Sampling_Handler.
#pragma once

#include "counter.h"
#include "interrupts.h"
#include "registers.h"

namespace emulated {

// Instructions of an interrupt handler outside its two readings of the clock, by the listing. A
// change fails tests/tools/boards/test_emulated_cores.py.
constexpr std::uint32_t kInstructionsAroundHandler = 64;

inline std::uint64_t clock_start = 0;

// clock_reading() reads the clock; ticks_since() returns the ticks since a reading, modulo 2^32.
inline std::uint32_t clock_reading() {
    return VIGIL_READ_CSR("mcycle");
}
inline std::uint32_t ticks_since(std::uint32_t reading) {
    return clock_reading() - reading;
}

inline std::uint64_t read_clock() {
    return read_counter([] { return VIGIL_READ_CSR("mcycleh"); }, [] { return clock_reading(); });
}

// Ticks since start_timers().
inline std::uint64_t clock_ticks() {
    return read_clock() - clock_start;
}

// The timer interrupts at the next frame, or at the alarm if that is sooner.
constexpr std::uint64_t kNever = UINT64_MAX;
inline std::uint64_t next_frame = kNever;
inline std::uint32_t frame_period = 0;

inline std::uint64_t timer_time() {
    return read_counter([] { return device_register(machine::kClint, kTime + 4); },
                        [] { return device_register(machine::kClint, kTime); });
}

// Sets the time of the next interrupt. The first write excludes an interrupt in between.
inline void interrupt_at(std::uint64_t time) {
    device_register(machine::kClint, kTimeCompare + 4) = UINT32_MAX;
    device_register(machine::kClint, kTimeCompare) = static_cast<std::uint32_t>(time);
    device_register(machine::kClint, kTimeCompare + 4) = static_cast<std::uint32_t>(time >> 32U);
}

inline void start_timers() {
    clock_start = read_clock();
}

// Interrupts once, `nanoseconds` from now, unless stop_alarm() comes first. Call both with
// interrupts locked.
inline void start_alarm(std::uint32_t nanoseconds) {
    const std::uint64_t alarm = timer_time() + nanoseconds / machine::kTimerNanoseconds + 1;
    interrupt_at(alarm < next_frame ? alarm : next_frame);
}
inline void stop_alarm() {
    interrupt_at(next_frame);
}

// Interrupts `rate_hz` times per second, until stop_sampling().
inline void start_sampling(float rate_hz) {
    constexpr float kTimerHz = 1e9F / machine::kTimerNanoseconds;
    const InterruptLock lock;
    frame_period = static_cast<std::uint32_t>(kTimerHz / rate_hz + 0.5F);
    next_frame = timer_time() + frame_period;
    interrupt_at(next_frame);
}
inline void stop_sampling() {
    const InterruptLock lock;
    next_frame = kNever;
    interrupt_at(kNever);
}
// Call it in Sampling_Handler, and after stop_sampling().
inline void clear_sampling() {
    if (next_frame != kNever) {
        next_frame += frame_period;
        interrupt_at(next_frame);
    }
}

}  // namespace emulated
