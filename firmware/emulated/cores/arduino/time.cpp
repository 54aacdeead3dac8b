// Time and counts from the clock of timers.h, which QEMU ties to the instruction counter (-icount
// shift=6): ticks of 40 ns (25 MHz) on most machines, 64 ns per instruction.
#include "Arduino.h"
#include "boot.h"
#include "clock.h"
#include "emulated.h"
#include "interrupts.h"
#include "timers.h"

namespace {

constexpr std::uint32_t kNanosecondsPerTick = emulated::machine::kTickNanoseconds;
constexpr std::uint32_t kNanosecondsPerInstruction = 64;

volatile std::uint64_t apart = 0;  // ticks spent asleep and in interrupt handlers

// value / divisor modulo 2^32, with divisions of 32 bits: that of 64 calls 750 bytes of the
// compiler's library. `divisor` is below 2^16.
std::uint32_t quotient(std::uint64_t value, std::uint32_t divisor) {
    const auto low = static_cast<std::uint32_t>(value);
    const std::uint32_t upper = static_cast<std::uint32_t>(value >> 32U) % divisor;
    const std::uint32_t middle = upper << 16U | low >> 16U;
    const std::uint32_t rest = middle % divisor << 16U | (low & 0xFFFFU);
    return middle / divisor << 16U | rest / divisor;
}

}  // namespace

namespace emulated {

void set_apart(std::uint32_t since) {
    apart = apart + ticks_since(since);
}

void handler_done(std::uint32_t since) {
    constexpr std::uint32_t kAround =
        kInstructionsAroundHandler * kNanosecondsPerInstruction / kNanosecondsPerTick;
    apart = apart + (ticks_since(since) + kAround);
}

}  // namespace emulated

std::uint64_t emulated_nanoseconds(void) {
    return emulated::clock_ticks() * kNanosecondsPerTick;
}

std::uint64_t emulated_instructions(void) {
    std::uint64_t total = 0;
    {
        const emulated::InterruptLock lock;
        total = emulated::clock_ticks() - apart;
    }
    return total * kNanosecondsPerTick / kNanosecondsPerInstruction;
}

void emulated_sleep(std::uint32_t nanoseconds) {
    if (emulated::spins()) {
        return;
    }
    const std::uint32_t start = emulated::clock_reading();
    // With interrupts locked, a pending one still ends the wait, and its handler runs (and is
    // counted) after the lock. So none can occur between test and wait.
    {
        const emulated::InterruptLock lock;
        emulated::start_alarm(nanoseconds);
        emulated::wait_for_interrupt();
        emulated::stop_alarm();
        emulated::set_apart(start);
    }
}

unsigned long micros(void) {
    return quotient(emulated_nanoseconds(), 1000U);
}

unsigned long millis(void) {
    return quotient(emulated_nanoseconds() / 64U, 15625U);  // 1,000,000 = 64 * 15,625
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
