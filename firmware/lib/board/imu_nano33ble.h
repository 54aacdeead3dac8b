// Internal to the Nano's sensors: the inertial chips on the internal I2C bus.
#pragma once

#include "sensor_driver.h"

namespace vigil::board::nano {

// Recognizes the chip, sets it up, measures its rate and starts the timer. False: imu_problem()
// says why, or the bus does not answer.
bool start_imu();
// Call after stop_timers().
void stop_imu();

// Why the last start failed, at most 31 bytes; nullptr: it did not, or without a known reason.
const char* imu_problem();

SensorTiming imu_timing();

}  // namespace vigil::board::nano
