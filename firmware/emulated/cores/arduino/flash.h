// The emulated board's flash for data: pages that are erased whole to ones, words of which writing
// only clears bits. It lies in a file that the emulator names ("flash=PATH"), so that it outlives
// the emulator.
#pragma once

#include <cstddef>
#include <cstdint>

constexpr std::size_t kEmulatedFlashPage = 4096;  // bytes, as on the nRF52840

// Opens the file. Without one, all words are ones and cannot be changed.
void emulated_flash_begin();

// Offsets and sizes in bytes, whole words.
void emulated_flash_read(std::uint32_t offset, void* words, std::size_t size);
void emulated_flash_write(std::uint32_t offset, const std::uint32_t* words, std::size_t count);
void emulated_flash_erase(std::uint32_t page);
