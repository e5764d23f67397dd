/* real.h: one source, two precisions. The engine and the reference backend are compiled twice, with
 * HETA_REAL_BITS 32 and 64; X(name) is heta_i_name_f32 or heta_i_name_f64. */
#ifndef HETA_ENGINE_REAL_H
#define HETA_ENGINE_REAL_H

#if HETA_REAL_BITS == 64
typedef double real;
#define X(name) heta_i_##name##_f64
#define R(function) function
#elif HETA_REAL_BITS == 32
typedef float real;
#define X(name) heta_i_##name##_f32
#define R(function) function##f
#else
#error "define HETA_REAL_BITS as 32 or 64"
#endif

#endif
