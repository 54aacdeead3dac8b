// The emulated board's analog-to-digital converter, which plays a recording.
//
// The emulator's command line names the file ("adc=PATH"). It begins with little-endian words:
// "VADC", number of channels, number of frames, and the factor by which it is sampled faster than
// requested. Each frame is one int16 per channel, and one that is not 0 while the leads are off.
#pragma once

#include <cstdint>

extern "C" {

// Opens the recording. Returns false if there is none, or if its number of channels differs.
bool emulated_adc_begin(unsigned channels);

// Plays frames at `rate_hz` from frame `first` on: the interrupt of a virtual-time timer calls
// `tick` with one value per channel, or with a null pointer while the leads are off. `rate_hz` is
// 0.01 to 100,000.
void emulated_adc_start(float rate_hz, std::uint64_t first,
                        void (*tick)(const std::int16_t* values));
void emulated_adc_stop(void);

// The first channel of the next frame, without a timer; 0 after the end.
std::int16_t emulated_adc_read(void);

// Whether the recording has ended.
bool emulated_adc_ended(void);
}
