// Receives bytes from the host in bulk.
//
// QEMU's UART accepts bytes from the host singly and slowly. The host therefore puts them into a
// file that it names on the command line ("serial=PATH"), and sends any byte on the UART as a bell.
// The file has two counts, of bytes written by the host and of bytes read by the board, and then a
// ring.
#pragma once

#include <cstddef>
#include <cstdint>

#include "semihosting.h"

namespace emulated {

class HostRing {
  public:
    // Opens the file if the command line names one. Bytes in it are kept across a reset.
    void open();
    bool is_open() const { return file_.is_open(); }

    // Reads up to `size` bytes in one piece and returns their number; 0 if there are none, or if
    // QEMU cannot read the file.
    std::uint32_t read(std::uint8_t* bytes, std::uint32_t size);

  private:
    HostFile file_;
    std::uint32_t taken_ = 0;
};

}  // namespace emulated
