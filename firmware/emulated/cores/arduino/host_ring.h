// Bytes from the host in bulk.
//
// QEMU's UART takes one byte at a time from the host, at great cost. A host that knows this board
// names a file on the command line ("serial=PATH") through which it passes bytes, and rings with
// any byte on the UART. The file holds two counts, of bytes put in by the host and of bytes taken
// out by the board, and then a ring of bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "semihosting.h"

namespace emulated {

class HostRing {
  public:
    // Opens the file if the command line names one. What the host put in before waits there, also
    // through a reset.
    void open();
    bool is_open() const { return file_.is_open(); }

    // Reads up to `size` bytes that have come, in one piece. Returns how many; 0 when there are
    // none, or QEMU cannot read the file.
    std::uint32_t read(std::uint8_t* bytes, std::uint32_t size);

  private:
    HostFile file_;
    std::uint32_t taken_ = 0;
};

}  // namespace emulated
