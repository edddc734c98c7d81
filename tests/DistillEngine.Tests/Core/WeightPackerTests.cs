using System.Runtime.InteropServices;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using Xunit;

namespace DistillEngine.Tests.Core;

public class WeightPackerTests
{
    [Theory]
    [InlineData(WeightForm.PackedF32)]
    [InlineData(WeightForm.BF16)]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void PackGroup_OfAnyRows_IsWithinHalfAStep(WeightForm form)
    {
        using var host = new HostTensors(seed: 2);
        foreach (var (outputs, inputs) in new[] { (1, 1), (3, 31), (16, 64), (20, 130), (33, 257) })
        {
            Tensor values = host.Random("w", new(outputs, inputs));
            double[] packed = PackedReference.Values(Pack(host, values, form));
            ReadOnlySpan<float> exact = values.HostSpan<float>();
            for (int i = 0; i < packed.Length; i++)
            {
                int row = i / inputs, block = i % inputs / PackedWeight.BlockInputs * PackedWeight.BlockInputs;
                double allowed = form switch
                {
                    WeightForm.PackedF32 => 0,
                    // Half of the last of 8 bits.
                    WeightForm.BF16 => Math.Abs(exact[i]) / 256,
                    WeightForm.Int8 => Greatest(exact.Slice(row * inputs, inputs)) / 127 / 2 * 1.0001,
                    // Half a step of a scale that is itself rounded to 8 bits; the end of the range without a counterpart costs a whole one.
                    _ => Greatest(exact.Slice(row * inputs + block, Math.Min(PackedWeight.BlockInputs, inputs - block))) / 8 * 1.01,
                };
                Assert.True(Math.Abs(packed[i] - exact[i]) <= allowed, $"{form} [{outputs}, {inputs}] {i}: {packed[i]} for {exact[i]}, seed {host.Seed}");
            }
        }
    }

    [Theory]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void PackGroup_WithRemainders_IsWithinHalfAUnit(WeightForm form)
    {
        using var host = new HostTensors(seed: 2);
        foreach (var (outputs, inputs) in new[] { (1, 1), (3, 31), (16, 64), (20, 130), (33, 257) })
        {
            Tensor values = host.Random("w", new(outputs, inputs));
            double[] fine = PackedReference.FineValues(Pack(host, values, form));
            ReadOnlySpan<float> exact = values.HostSpan<float>();
            for (int i = 0; i < fine.Length; i++)
            {
                double step = Greatest(exact.Slice(i / inputs * inputs, inputs)) / (form == WeightForm.Int8 ? 127 : 8);
                // A scale that is itself rounded, to 8 bits, leaves a little more than a step of the largest numbers.
                double allowed = step * (form == WeightForm.Int8 ? 0.51 / 127 : 0.51 / 127 + 8.0 / 256);
                Assert.True(Math.Abs(fine[i] - exact[i]) <= allowed, $"{form} [{outputs}, {inputs}] {i}: {fine[i]} for {exact[i]}, seed {host.Seed}");
            }
        }
    }

    [Fact]
    public void PackGroup_OfInt8_BringsTheGreatestWeightTo127()
    {
        using var host = new HostTensors(seed: 2);
        double[] packed = PackedReference.Values(Pack(host, host.From("w", new(2, 3), [0.5f, -2, 1, 0, 0, 0]), WeightForm.Int8));
        Assert.Equal(-2, packed[1], 1e-6);
        Assert.Equal(64 * 2 / 127.0, packed[2], 1e-6);
        Assert.Equal([0, 0, 0], packed[3..]);
    }

    [Fact]
    public void PackGroup_OfInt4_BringsTheGreatestWeightOfABlockToMinus8()
    {
        using var host = new HostTensors(seed: 2);
        float[] row = [.. Enumerable.Range(0, 40).Select(i => i == 5 ? 4f : i == 35 ? -1f : 0.5f)];
        double[] packed = PackedReference.Values(Pack(host, host.From("w", new(1, 40), row), WeightForm.Int4));
        Assert.Equal(row, packed.Select(v => (float)v));
    }

    [Theory]
    [InlineData(WeightForm.PackedF32)]
    [InlineData(WeightForm.BF16)]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void PackGroup_OfANumberThatIsNotFinite_Shows(WeightForm form)
    {
        using var host = new HostTensors(seed: 2);
        foreach (float bad in new[] { float.NaN, float.NegativeInfinity })
        {
            double[] packed = PackedReference.Values(Pack(host, host.From("w", new(2, 2), [1, bad, 1, 1]), form));
            Assert.False(double.IsFinite(packed[1]));
            Assert.Equal(1, packed[2], 0.01);
        }
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(1.00390625f, 0x3F80)]
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(float.NegativeInfinity, 0xFF80)]
    [InlineData(float.MaxValue, 0x7F80)]
    public void ToBF16_RoundsToNearestEven(float value, int bits) => Assert.Equal(bits, WeightPacker.ToBF16(value));

    [Fact]
    public void ToBF16_OfNaN_StaysNaN() => Assert.True(float.IsNaN(WeightPacker.FromBF16(WeightPacker.ToBF16(BitConverter.UInt32BitsToSingle(0x7F800001)))));

    static double Greatest(ReadOnlySpan<float> values)
    {
        double greatest = 0;
        foreach (float value in values) greatest = Math.Max(greatest, Math.Abs(value));
        return greatest;
    }

    static PackedWeight Pack(HostTensors host, Tensor values, WeightForm form)
    {
        var (outputs, inputs) = (values.Shape.D0, values.Shape.D1);
        int groups = PackedWeight.GroupsOf(outputs), scales = PackedWeight.GroupScales(form, inputs);
        Tensor data = host.Empty("data", new(groups, PackedWeight.GroupBytes(form, inputs)), DType.U8);
        var packed = new PackedWeight(form, outputs, inputs, data, scales == 0
            ? default
            : host.Empty("scales", new(groups, scales), PackedWeight.ScaleType(form)),
            form is WeightForm.PackedF32 or WeightForm.BF16 ? default : host.Empty("remainders", new(outputs, inputs), DType.I8));
        var packer = new WeightPacker(form, inputs);
        for (int group = 0; group < groups; group++)
        {
            int count = Math.Min(PackedWeight.GroupOutputs, outputs - group * PackedWeight.GroupOutputs);
            Span<byte> groupScales = form switch
            {
                WeightForm.Int8 => MemoryMarshal.AsBytes(packed.Scales.Rows(group, 1).HostSpan<float>()),
                WeightForm.Int4 => MemoryMarshal.AsBytes(packed.Scales.Rows(group, 1).HostSpan<ushort>()),
                _ => [],
            };
            packer.PackGroup(values.Rows(group * PackedWeight.GroupOutputs, count).HostSpan<float>(), data.Rows(group, 1).HostSpan<byte>(), groupScales,
                packed.Remainders.IsAbsent ? [] : packed.Remainders.Rows(group * PackedWeight.GroupOutputs, count).HostSpan<sbyte>());
        }
        Assert.True(host.GuardsAreIntact());
        return packed;
    }
}
