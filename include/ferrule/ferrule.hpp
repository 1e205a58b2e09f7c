// ferrule: lock-free single-producer single-consumer stream rings. Includes rings, their ends and every policy.
#pragma once

#include <ferrule/presets.hpp>
#include <ferrule/version.hpp>
