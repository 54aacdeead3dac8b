// The emulated board's analog-to-digital converter: what it converts is a recording.
//
// The emulator's command line names a file ("adc=PATH"). It holds, as little-endian words: "VADC",
// the channels, the frames, and how many times faster than asked for it is to be sampled. Then each
// frame: one int16 a channel, and one that is not 0 while the leads are off.
#pragma once

#include <cstdint>

extern "C" {

// Opens the recording. False when there is none, or it has another number of channels.
bool emulated_adc_begin(unsigned channels);

// Gives a frame at `rate_hz` from `first` on, paced by a timer of virtual time: calls `tick` from
// its interrupt with one value a channel, or with a null pointer while the leads are off. Rates
// from 1 frame in 100 seconds to 100,000 a second.
void emulated_adc_start(float rate_hz, std::uint64_t first,
                        void (*tick)(const std::int16_t* values));
void emulated_adc_stop(void);

// The recording is over.
bool emulated_adc_ended(void);
}
