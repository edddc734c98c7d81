using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>Operands of inline code move from local memory to registers where nothing else can see their addresses.</summary>
public class LocalSlotsTests
{
    [Fact]
    public void InRegisters_OfASlotThatIsLoadedAndStored_ReplacesItsMemory() => Assert.Equal(
        [
            "\t.reg .b32 %in_register__local_depot1;", "\tmov.u32 %r1, %tid.x;", "", "\tmov.b32\t%in_register__local_depot1, 0;",
            "\tmov.f32\t%f2, %in_register__local_depot1;", "\tadd.f32\t%f2, %f2, %f1;", "\tmov.f32\t%in_register__local_depot1, %f2;",
        ],
        Corrected("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.u32 %r1, %tid.x;", "\tmov.b64\t%rd1, __local_depot1;", "\tst.local.b32\t[%rd1], 0;",
            "\tld.local.f32\t%f2, [%rd1];", "\tadd.f32\t%f2, %f2, %f1;", "\tst.local.f32\t[%rd1], %f2;"));

    [Theory]
    // An array, an element of one, an address that is used otherwise, a register that holds another value later, two addresses, a wide access.
    [InlineData("\t.local .align 4 .b8 __local_depot1[8];", "\tmov.b64\t%rd1, __local_depot1;", "\tst.local.b32\t[%rd1], 0;")]
    [InlineData("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.b64\t%rd1, __local_depot1;", "\tst.local.b32\t[%rd1+4], 0;")]
    [InlineData("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.b64\t%rd1, __local_depot1;", "\tadd.u64\t%rd2, %rd1, %rd3;")]
    [InlineData("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.b64\t%rd1, __local_depot1;", "\tmov.b64\t%rd1, 7;")]
    [InlineData("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.b64\t%rd1, __local_depot1;", "\tmov.b64\t%rd2, __local_depot1;")]
    [InlineData("\t.local .align 4 .b8 __local_depot1[4];", "\tmov.b64\t%rd1, __local_depot1;", "\tst.local.v2.b32\t[%rd1], {%r1, %r2};")]
    public void InRegisters_OfAnythingElse_ChangesNothing(params string[] lines) => Assert.Equal(lines, Corrected(lines));

    static string[] Corrected(params string[] lines) => LocalSlots.InRegisters(string.Join('\n', lines)).Split('\n');
}
