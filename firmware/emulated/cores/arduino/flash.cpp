#include "flash.h"

#include <cstring>

#include "boot.h"
#include "semihosting.h"

namespace {

emulated::HostFile file;

}  // namespace

void emulated_flash_begin() {
    char path[64];
    const std::size_t length = emulated::command_line("flash=", path, sizeof(path));
    if (length > 0) file.open(path, static_cast<std::uint32_t>(length));
}

void emulated_flash_read(std::uint32_t offset, void* words, std::size_t size) {
    if (!file.read(offset, words, static_cast<std::uint32_t>(size))) std::memset(words, 0xFF, size);
}

void emulated_flash_write(std::uint32_t offset, const std::uint32_t* words, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t word = 0;
        file.read(offset, &word, sizeof(word));
        word &= words[i];
        file.write(offset, &word, sizeof(word));
        offset += sizeof(word);
    }
}

void emulated_flash_erase(std::uint32_t page) {
    std::uint32_t ones[16];
    std::memset(ones, 0xFF, sizeof(ones));
    const std::uint32_t end = (page + 1) * kEmulatedFlashPage;
    for (std::uint32_t at = page * kEmulatedFlashPage; at < end; at += sizeof(ones)) {
        file.write(at, ones, sizeof(ones));
    }
}
