// Time and counts from timer 0, which QEMU ties to the instruction counter (-icount shift=6): ticks
// of 40 ns (25 MHz) on most machines, 64 ns per instruction.
#include "Arduino.h"
#include "boot.h"
#include "clock.h"
#include "emulated.h"
#include "registers.h"

namespace {

constexpr std::uint32_t kNanosecondsPerTick = emulated::machine::kTickNanoseconds;
constexpr std::uint32_t kNanosecondsPerInstruction = 64;

volatile std::uint32_t wraps = 0;
volatile std::uint64_t apart = 0;  // ticks spent asleep and in interrupt handlers

// The counter has 32 bits and wraps every 172 seconds. An interrupt counts the wraps; with
// interrupts locked, a wrap shows as pending.
std::uint64_t ticks() {
    const emulated::Timer& timer = emulated::timer0();
    for (;;) {
        const std::uint32_t before = wraps;
        const std::uint32_t down = timer.value;
        const bool pending = (timer.interrupts & 1U) != 0;
        if (before == wraps) {
            const std::uint32_t high = before + (pending && down > 0x80000000U ? 1U : 0U);
            return static_cast<std::uint64_t>(high) << 32U | (0xFFFFFFFFU - down);
        }
    }
}

}  // namespace

namespace emulated {

void start_clock() {
    Timer& timer = timer0();
    timer.control = 0;
    timer.reload = 0xFFFFFFFFU;
    timer.value = 0xFFFFFFFFU;
    timer.interrupts = 1;
    enable_irq(machine::kTimer0Irq);
    enable_irq(machine::kTimer1Irq);
    timer.control = kTimerEnable | kTimerInterrupt;
}

void set_apart(std::uint32_t since) {
    apart = apart + (since - timer0().value);
}

void handler_done(std::uint32_t since) {
    // Ten instructions of a handler are outside its two readings, by the listing for the Cortex-M4.
    // A change fails tests/tools/boards/test_emulated_time.py.
    constexpr std::uint32_t kAround = 10 * kNanosecondsPerInstruction / kNanosecondsPerTick;
    apart = apart + (since - timer0().value + kAround);
}

}  // namespace emulated

extern "C" void Timer0_Handler(void) {
    const std::uint32_t start = emulated::timer0().value;
    wraps = wraps + 1;
    emulated::timer0().interrupts = 1;
    emulated::handler_done(start);
}

// Wakes emulated_sleep().
extern "C" void Timer1_Handler(void) {
    const std::uint32_t start = emulated::timer0().value;
    emulated::timer1().control = 0;
    emulated::timer1().interrupts = 1;
    emulated::handler_done(start);
}

std::uint64_t emulated_nanoseconds(void) {
    return ticks() * kNanosecondsPerTick;
}

std::uint64_t emulated_instructions(void) {
    std::uint64_t total = 0;
    {
        const emulated::InterruptLock lock;
        total = ticks() - apart;
    }
    return total * kNanosecondsPerTick / kNanosecondsPerInstruction;
}

void emulated_sleep(std::uint32_t nanoseconds) {
    if (emulated::spins()) {
        return;
    }
    const std::uint32_t start = emulated::timer0().value;
    // With interrupts locked, a pending one still ends the wait, and its handler runs (and is
    // counted) after the lock. So none can occur between test and wait.
    {
        const emulated::InterruptLock lock;
        emulated::Timer& timer = emulated::timer1();
        timer.control = 0;
        timer.reload = nanoseconds / kNanosecondsPerTick + 1;
        timer.value = nanoseconds / kNanosecondsPerTick + 1;
        timer.control = emulated::kTimerEnable | emulated::kTimerInterrupt;
        emulated::wait_for_interrupt();
        timer.control = 0;
        emulated::set_apart(start);
    }
}

unsigned long micros(void) {
    return static_cast<unsigned long>(emulated_nanoseconds() / 1000U);
}

unsigned long millis(void) {
    return static_cast<unsigned long>(emulated_nanoseconds() / 1000000U);
}

void delayMicroseconds(unsigned int microseconds) {
    const std::uint64_t end = emulated_nanoseconds() + microseconds * 1000ULL;
    for (std::uint64_t now = emulated_nanoseconds(); now < end; now = emulated_nanoseconds()) {
        const std::uint64_t left = end - now;
        emulated_sleep(left > 1000000000U ? 1000000000U : static_cast<std::uint32_t>(left));
    }
}

void delay(unsigned long milliseconds) {
    for (; milliseconds > 1000; milliseconds -= 1000) {
        delayMicroseconds(1000000);
    }
    delayMicroseconds(static_cast<unsigned int>(milliseconds) * 1000U);
}
