#include "board.h"

namespace vigil::board {

const char* describe(Cache cache) {
    switch (cache) {
        case Cache::absent: return "absent";
        case Cache::off: return "off";
        case Cache::on: return "on";
    }
    return "?";
}

}  // namespace vigil::board
