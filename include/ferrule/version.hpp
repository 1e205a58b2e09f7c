// The only place the version number lives: the build and every package recipe read it from here.
#pragma once

#define FERRULE_VERSION_MAJOR 0
#define FERRULE_VERSION_MINOR 1
#define FERRULE_VERSION_PATCH 0
