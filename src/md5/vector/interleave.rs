//! A method of [`Machine`](super::machine::Machine) by one instruction. `fearless_simd` has none
//! that interleaves within blocks of 128 bits.

macro_rules! interleave {
    ($token:ident, $name:ident, $vector:ident, $intrinsic:ident) => {
        #[inline(always)]
        fn $name(self, a: $vector<Self>, b: $vector<Self>) -> $vector<Self> {
            fearless_simd::kernel!(
                #[inline(always)]
                fn interleave(
                    token: $token,
                    a: $vector<$token>,
                    b: $vector<$token>,
                ) -> $vector<$token> {
                    $intrinsic(a.into(), b.into()).simd_into(token)
                }
            );
            interleave(self, a, b)
        }
    };
}

pub(super) use interleave;
