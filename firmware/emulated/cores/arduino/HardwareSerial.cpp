#include "HardwareSerial.h"

#include "Arduino.h"
#include "activity.h"
#include "boot.h"
#include "clock.h"
#include "emulated.h"
#include "handlers.h"
#include "host_ring.h"
#include "interrupts.h"
#include "timers.h"
#include "uart.h"

HardwareSerial Serial;

namespace {

// Buffer of received bytes; a power of two. While it is full the host waits, so that nothing is
// lost, unlike on a real board's USB port. receive_ring in tools/boards/boards.toml has the same
// size.
constexpr std::uint32_t kRingBytes = 1024;
constexpr std::uint32_t kStallNanoseconds = 100000000;
constexpr int kPacketBytes = 64;

std::uint8_t ring[kRingBytes];
volatile std::uint32_t head = 0;  // counts bytes in; written by the handler
volatile std::uint32_t tail = 0;  // counts bytes out; written by the reader
volatile bool waiting = false;    // the ring was full, and the host may have more bytes

emulated::HostRing host;  // open if the host sends bytes in bulk

// Sleeps until the host has read a byte, for at most kStallNanoseconds; returns whether it has. A
// deterministic board waits without limit, because its time does not follow the wall clock.
bool wait_for_transmitter() {
    const std::uint64_t end = emulated_nanoseconds() + kStallNanoseconds;
    emulated::uart_interrupt_when_sent(true);
    while (emulated::uart_is_full() && (emulated::spins() || emulated_nanoseconds() < end)) {
        emulated_sleep(kStallNanoseconds / 10);
    }
    emulated::uart_interrupt_when_sent(false);
    return !emulated::uart_is_full();
}

// Reads received bytes in one piece, at most `size`; returns their number.
std::uint32_t receive(std::uint8_t* bytes, std::uint32_t size) {
    if (host.is_open()) {
        return host.read(bytes, size);
    }
    if (!emulated::uart_has_received()) {
        return 0;
    }
    *bytes = emulated::uart_receive();
    return 1;
}

// Fills the ring. Call with interrupts locked, or from the handler.
void take_received() {
    if (host.is_open()) {
        static_cast<void>(emulated::uart_receive());  // clears the bell for the next one
    }
    for (;;) {
        const std::uint32_t available = kRingBytes - (head - tail);
        const std::uint32_t to_end = kRingBytes - head % kRingBytes;
        waiting = available == 0;
        if (available == 0) {
            return;
        }
        const std::uint32_t got =
            receive(ring + head % kRingBytes, available < to_end ? available : to_end);
        if (got == 0) {
            return;
        }
        head = head + got;
    }
}

}  // namespace

extern "C" void Uart0Rx_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    // Cleared first: a byte that arrives in the meantime raises it again.
    emulated::uart_clear_received();
    take_received();
    emulated::handler_done(start);
}

// Wakes a sleeping writer.
extern "C" void Uart0Tx_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::uart_clear_sent();
    emulated::handler_done(start);
}

void HardwareSerial::begin(unsigned long) {
    if (begun_) {
        return;
    }
    host.open();
    emulated::uart_begin();
    begun_ = true;
    // A bell that rang before the interrupt was enabled is lost, but its bytes are not.
    const emulated::InterruptLock lock;
    take_received();
}

void HardwareSerial::end() {
    emulated::uart_end();
    begun_ = false;
}

int HardwareSerial::available() {
    return static_cast<int>(head - tail);
}

int HardwareSerial::peek() {
    return available() > 0 ? ring[tail % kRingBytes] : -1;
}

int HardwareSerial::read() {
    if (available() == 0) {
        return -1;
    }
    const std::uint8_t byte = ring[tail % kRingBytes];
    tail = tail + 1;
    if (waiting && head - tail <= kRingBytes / 2) {
        const emulated::InterruptLock lock;
        take_received();
    }
    emulated::note_activity();
    return byte;
}

size_t HardwareSerial::write(const uint8_t* bytes, size_t count) {
    if (!begun_) {
        return 0;
    }
    size_t sent = 0;
    while (sent < count) {
        if (emulated::uart_is_full()) {
            stalled_ = stalled_ || !wait_for_transmitter();
            if (stalled_) {
                break;
            }
        }
        stalled_ = false;
        emulated::uart_send(bytes[sent]);
        ++sent;
    }
    if (sent > 0) {
        emulated::note_activity();
    }
    return sent;
}

int HardwareSerial::availableForWrite() {
    return emulated::uart_is_full() ? 0 : kPacketBytes;
}

void HardwareSerial::flush() {
    if (begun_ && !stalled_ && emulated::uart_is_full()) {
        stalled_ = !wait_for_transmitter();
    }
}

size_t Stream::readBytes(uint8_t* bytes, size_t count) {
    size_t got = 0;
    while (got < count) {
        const unsigned long start = millis();
        while (available() == 0) {
            if (millis() - start >= timeout_) {
                return got;
            }
            yield();
        }
        bytes[got] = static_cast<uint8_t>(read());
        ++got;
    }
    return got;
}
