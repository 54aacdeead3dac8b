// What a program may ask of the board that it runs on: counts, stack, instruction cache.
//
// Implemented for the emulated board (board_emulated.cpp) and for the Arduino Nano 33 BLE
// (board_nano33ble.cpp); each is empty on the other.
#pragma once

#include <cstdint>

namespace vigil::board {

enum class Cache : std::uint8_t {
    absent = 0,
    off = 1,
    on = 2,
};

// Prepares what follows: starts the counter, turns the instruction cache on where there is one,
// and paints the unused part of the calling thread's stack. Call it first in setup().
void begin();

// A counter that runs from begin() and wraps at 2^32; subtract two readings. In kCounterUnit:
// the emulated board counts instructions of the program (interrupt handlers left out, repeatable),
// the Nano counts processor cycles (interrupts and flash waits included).
std::uint32_t counter();
const char* counter_unit();

// Counts in a second, to turn counts into time. On the emulated board that is virtual time
// (64 ns an instruction), which says nothing about silicon.
std::uint32_t counter_hz();

// Bytes: the stack of the thread that runs setup() and loop(), and the most of it ever in use
// since begin() (rounded up to a word; the reading itself walks the stack, so ask rarely).
std::uint32_t stack_size();
std::uint32_t stack_used();

Cache instruction_cache();
const char* describe(Cache cache);

// "emulated", "nano33ble": as in the catalogue of boards.
const char* name();

// A number that differs from one reset to the next, so that a host knows this run from the last.
std::uint32_t boot_id();

// Starts the board anew.
[[noreturn]] void reboot();

// Bytes that may wait in the serial port's receive buffer: more would be lost.
extern const std::uint16_t kReceiveRing;

}  // namespace vigil::board
