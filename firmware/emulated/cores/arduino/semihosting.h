// The semihosting calls that the emulated board makes; QEMU executes them on the host. Arm and
// RISC-V number them alike.
#pragma once

#include <cstdint>

#include "semihost.h"

namespace emulated {

enum class Call : std::uint32_t {
    open = 0x01,
    write_text = 0x04,
    write = 0x05,
    read = 0x06,
    seek = 0x0A,
    command_line = 0x15,
    exit_extended = 0x20,
};

inline std::uint32_t semihost(Call call, const void* argument) {
    return semihost(static_cast<std::uint32_t>(call), argument);
}

// A file of the host, opened for binary reading and writing.
class HostFile {
  public:
    HostFile() = default;

    bool open(const char* path, std::uint32_t length) {
        const struct {
            const char* path;
            std::uint32_t mode;
            std::uint32_t length;
        } block = {path, 3, length};
        handle_ = static_cast<std::int32_t>(semihost(Call::open, &block));
        return is_open();
    }

    bool is_open() const { return handle_ >= 0; }

    // Both move `size` bytes at an offset; false if QEMU cannot.
    bool read(std::uint32_t offset, void* data, std::uint32_t size) const {
        return transfer(Call::read, offset, data, size);
    }
    bool write(std::uint32_t offset, const void* data, std::uint32_t size) const {
        return transfer(Call::write, offset, const_cast<void*>(data), size);
    }

  private:
    bool transfer(Call call, std::uint32_t offset, void* data, std::uint32_t size) const {
        const struct {
            std::int32_t handle;
            std::uint32_t offset;
        } position = {handle_, offset};
        const struct {
            std::int32_t handle;
            void* data;
            std::uint32_t size;
        } block = {handle_, data, size};
        // Both calls return the number of bytes that are left.
        return semihost(Call::seek, &position) == 0 && semihost(call, &block) == 0;
    }

    std::int32_t handle_ = -1;
};

}  // namespace emulated
