#pragma once

#include "cmsdk_timers.h"
