// The board that the program runs on: counter, stack, instruction cache, sensor, restart.
//
// Implemented in one file per board, board_NAME.cpp, which is empty on other boards.
#pragma once

#include <cstdint>

#include "messages.h"
#include "sensor_config.h"
#include "sensor_driver.h"
#include "slots.h"

namespace vigil::board {

using link::Cache;

// Starts the counter, enables the instruction cache if there is one, and paints the unused part of
// the calling thread's stack. Call it first in setup().
void begin();

// A counter that starts at begin() and wraps at 2^32: subtract two readings. Its unit is
// counter_unit(): the emulated board counts the program's instructions (repeatable, without
// interrupt handlers and sleep), the Nano counts processor cycles (with interrupts and flash
// waits).
std::uint32_t counter();
const char* counter_unit();

// Counts per second. On the emulated board time is virtual (64 ns per instruction) and says nothing
// about silicon.
std::uint32_t counter_hz();

// Stack of the thread that runs setup() and loop(), in bytes, and the most of it ever used, rounded
// up to a word. Each call of stack_used() scans the unused part, so call it rarely.
std::uint32_t stack_size();
std::uint32_t stack_used();

Cache instruction_cache();
const char* describe(Cache cache);

// A random number that changes at each start, so that a host notices a restart. Valid after
// begin().
std::uint32_t boot_id();

[[noreturn]] void reboot();

// Non-volatile memory for the board's own calibration.
Slots& calibration_slots();
// The same for what the board has learned about its wearer: two slots of kWearerSlot bytes.
SteppedSlots& wearer_slots();
constexpr std::uint32_t kWearerSlot = 8192;

// The board's own sensor: the recording that the emulated board plays, elsewhere the sensor that
// `config` describes, if any. An interrupt calls `tick` with `channels` values per sample. Call
// sensor_begin() once, after begin().
SensorDriver& sensor();
// Whether an image with this sensor can sample: the emulated board plays recordings without one.
constexpr bool can_sample(const SensorConfig& config) {
#if defined(ARDUINO_EMULATED)
    return config.rate_hz > 0;
#else
    return config.rate_hz > 0 && config.kind != SensorKind::none;
#endif
}
void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick);

// Id in tools/boards/boards.toml: "emulated", "nano33ble".
const char* name();

}  // namespace vigil::board
