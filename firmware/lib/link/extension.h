// Extension: an optional part of the firmware that has messages of its own.
//
// It handles them itself and is attached to the link, so that an image without the part does not
// hold their code.
#pragma once

#include "frame.h"

namespace vigil::link {

class BoardLink;

class Extension {
  public:
    // Takes a message of the host. False: it is none of its own.
    virtual bool take(const Frame& frame, BoardLink& link) = 0;
    // Sends an answer that waits. False: none does.
    virtual bool answer(BoardLink& link) = 0;

  protected:
    ~Extension() = default;
};

}  // namespace vigil::link
