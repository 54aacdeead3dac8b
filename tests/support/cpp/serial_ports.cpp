// The sketch's serial port, where the host stops reading. Prints the first claim that fails.
#include "serial_port/Arduino.h"
#if defined(ARDUINO_ARCH_MBED)
#include "serial_port/USB/PluggableUSBSerial.h"
#endif

#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "serial_stream.h"

namespace {

void claim(bool holds, const char* what) {
    if (holds) return;
    std::printf("%s\n", what);
    std::exit(1);
}

constexpr std::uint8_t kBytes[200] = {};

void check_stream() {
    vigil::SerialStream port;
    host = {};
    claim(port.write({kBytes, 10}) == 10, "ten bytes are taken");
    claim(port.write(kBytes) == 63, "a long frame is taken in part");
    host.reads = false;
    for (const std::size_t size : {1U, 10U, 200U}) {
        claim(port.write({kBytes, size}) == 0, "a host that does not read takes nothing");
    }
}

void check_connection([[maybe_unused]] bool waits) {
    for (const bool opened : {true, false}) {
        host = {};
        host.opened = opened;
        claim(vigil::SerialStream::is_connected() == opened, "the state of the port");
        claim((host.waits > 0) == waits, "only a board that need not hurry waits");
    }
}

void check_text() {
    vigil::SerialStream port;
    vigil::SerialText<512> text;
    host = {};
    claim(text.print("a report") == 8 && host.taken == 0, "text is kept until it is sent");
    text.send(port);
    text.send(port);
    claim(host.taken == 8, "text is sent once");
    text.clear();
    for (int i = 0; i < 3; ++i) (void)text.write(kBytes, sizeof kBytes);
    for (int i = 0; i < 20; ++i) text.send(port);
    claim(host.taken == 8 + 512, "long text is sent in pieces, as much as is kept");
    text.clear();
    (void)text.print("later");
    host.reads = false;
    for (int i = 0; i < 50; ++i) text.send(port);
    claim(host.milliseconds == 0, "no text waits");
    host.reads = true;
    text.send(port);
    claim(host.taken == 8 + 512 + 5, "text follows when the host reads again");
}

}  // namespace

int main() {
    check_stream();
#if defined(ARDUINO_ARCH_SAMD) || (defined(ARDUINO_ARCH_MBED) && defined(VIGIL_GENERIC_BOARD))
    check_connection(false);
#else
    check_connection(true);
#endif
    check_text();
}
