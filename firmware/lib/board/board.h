// What a program may ask of the board that it runs on: counts, stack, instruction cache, restart.
//
// Implemented for the emulated board (board_emulated.cpp) and for the Arduino Nano 33 BLE
// (board_nano33ble.cpp); each file is empty on the other.
#pragma once

#include <cstdint>

#include "sensor_config.h"
#include "sensor_driver.h"

namespace vigil::board {

enum class Cache : std::uint8_t {
    absent = 0,
    off = 1,
    on = 2,
};

// Bytes that the serial port keeps until the program reads them. More may be lost on the Nano
// (RingBufferN<256> of ArduinoCore-mbed's USBSerial); the emulated board's host waits instead.
#if defined(ARDUINO_EMULATED)
constexpr std::uint16_t kReceiveRing = 1024;
#else
constexpr std::uint16_t kReceiveRing = 256;
#endif

// Prepares what follows: starts the counter, turns the instruction cache on where there is one,
// and paints the unused part of the calling thread's stack. Call it first in setup().
void begin();

// A counter that runs from begin() and wraps at 2^32; subtract two readings. In counter_unit():
// the emulated board counts instructions of the program (interrupt handlers and sleep left out,
// repeatable), the Nano counts processor cycles (interrupts and flash waits included).
std::uint32_t counter();
const char* counter_unit();

// Counts in a second, to turn counts into time. On the emulated board that is virtual time
// (64 ns an instruction), which says nothing about silicon.
std::uint32_t counter_hz();

// Bytes: the stack of the thread that runs setup() and loop(), and the most of it ever in use
// (rounded up to a word; the reading walks the unused part of the stack, so ask rarely).
std::uint32_t stack_size();
std::uint32_t stack_used();

Cache instruction_cache();
const char* describe(Cache cache);

// A number that differs from one start of the board to the next, so that a host sees a restart.
// Random, not a count. Known after begin().
std::uint32_t boot_id();

[[noreturn]] void reboot();

// The board's own sensor: on the emulated board the recording that its converter plays, elsewhere
// what sensor_begin() is told. `tick` is called from an interrupt, with `channels` values. Call
// sensor_begin() once, after begin().
SensorDriver& sensor();
void sensor_begin(const SensorConfig& config, std::uint32_t channels, SensorTick tick);

// "emulated", "nano33ble": as in the catalogue of boards.
const char* name();

}  // namespace vigil::board
