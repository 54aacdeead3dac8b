// The board that the program runs on: counter, stack, instruction cache, sensor, restart.
//
// Implemented in one file per board, board_NAME.cpp, which is empty on other boards. A board
// without a file of its own runs on Arduino's API alone: board_arduino.cpp.
#pragma once

#include <cstdint>

#include "messages.h"
#include "sensor_config.h"
#include "sensor_driver.h"
#include "slots.h"

// The emulated board's environment emulated_arduino defines this, to run board_arduino.cpp.
#if !defined(VIGIL_GENERIC_BOARD) && !defined(ARDUINO_EMULATED) && \
    !defined(ARDUINO_ARDUINO_NANO33BLE)
#define VIGIL_GENERIC_BOARD
#endif

namespace vigil::board {

using link::Cache;
using link::TickUnit;

// Starts the counter, enables the instruction cache if there is one, and paints the unused part of
// the calling thread's stack. Call it first in setup().
void begin();

// A counter that starts at begin() and wraps at 2^32: subtract two readings. The emulated board
// counts the program's instructions (repeatable, without interrupt handlers and sleep), the Nano
// counts processor cycles (with interrupts and flash waits), other boards microseconds.
std::uint32_t counter();
#if defined(VIGIL_GENERIC_BOARD)
constexpr TickUnit kTickUnit = TickUnit::microseconds;
#elif defined(ARDUINO_EMULATED)
constexpr TickUnit kTickUnit = TickUnit::emulated_instructions;
#else
constexpr TickUnit kTickUnit = TickUnit::cycles;
#endif
constexpr const char* counter_unit() {
    return kTickUnit == TickUnit::emulated_instructions ? "instructions"
           : kTickUnit == TickUnit::cycles              ? "cycles"
                                                        : "us";
}

// Counts per second. On the emulated board time is virtual (64 ns per instruction) and says nothing
// about silicon.
std::uint32_t counter_hz();

// Stack of the thread that runs setup() and loop(), in bytes, and the most of it ever used, rounded
// up to a word. Each call of stack_used() scans the unused part, so call it rarely. Both are 0
// where the stack cannot be measured.
std::uint32_t stack_size();
std::uint32_t stack_used();
#if defined(VIGIL_GENERIC_BOARD)
constexpr bool kMeasuresStack = false;
#else
constexpr bool kMeasuresStack = true;
#endif

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
#if defined(ARDUINO_EMULATED) && !defined(VIGIL_GENERIC_BOARD)
    return config.rate_hz > 0;
#else
    return config.rate_hz > 0 && config.kind != SensorKind::none;
#endif
}
void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick);

// Call from loop(). Takes the reading that is due, on a board whose sensor no interrupt reads.
#if defined(VIGIL_GENERIC_BOARD)
void poll_sensor();
#else
inline void poll_sensor() {}
#endif

// Id in tools/boards/boards.toml, such as "nano33ble".
const char* name();

}  // namespace vigil::board
