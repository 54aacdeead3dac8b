// Internal to the Nano's sensors: a timer that starts each reading by hardware, and one that counts
// the readings, also those that a late interrupt misses.
#pragma once

#include <Arduino.h>
#include <nrf.h>

#include "board.h"

namespace vigil::board::nano {

constexpr unsigned kStartChannel = 12;  // of the PPI: the timer starts a reading
constexpr unsigned kAgainChannel = 13;  // a result re-arms the converter

// The sensor of this image, the number of values per sample, and where samples go.
struct Wanted {
    SensorConfig config;
    std::uint32_t values;
    SensorTick give;
};
extern Wanted wanted;

// Ticks reported so far, of those that counted() has.
extern std::uint32_t given;

// Starts counting a peripheral's readings in TIMER3: connect its event, or fork its task, to
// NRF_TIMER3->TASKS_COUNT.
void start_counter();
std::uint32_t counted();
// Reports the ticks up to and with number `last` as missed.
void give_missed(std::uint32_t last);

// Connects an event to a task, and to `other_task` if given, through a channel of the PPI.
void connect(unsigned channel, const volatile std::uint32_t& event,
             const volatile std::uint32_t& task, const volatile std::uint32_t* other_task);
// Starts `task` of a peripheral `hz` times per second, and `other_task` if given.
void start_timer(float hz, const volatile std::uint32_t& task,
                 const volatile std::uint32_t* other_task = nullptr);
void stop_timers();

void take_interrupt(IRQn_Type irq, void (*handler)());

// Waits for the hardware, at most 10 ms, and clears the event. False: it did not come.
constexpr std::uint32_t kTimeoutUs = 10'000;
template <typename Event>
bool wait_for(Event& event) {
    const unsigned long start = micros();
    while (event == 0) {
        if (micros() - start > kTimeoutUs) return false;
    }
    event = 0;
    return true;
}

}  // namespace vigil::board::nano
