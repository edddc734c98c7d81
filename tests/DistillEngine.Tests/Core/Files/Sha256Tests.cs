using System.Security.Cryptography;
using System.Text;
using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core.Files;

public class Sha256Tests
{
    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    public void HexOf_TheStandardsExamples_IsWhatItPrints(string text, string expected) => Assert.Equal(expected, Sha256.HexOf(Encoding.ASCII.GetBytes(text)));

    /// <summary>All lengths around a block's end, whole, in pieces and from a stream.</summary>
    [Fact]
    public void HexOf_AnyLength_EqualsTheRuntimesOwn()
    {
        var random = new Random(1);
        foreach (int length in Enumerable.Range(0, 200).Append(1_000_003))
        {
            byte[] contents = new byte[length];
            random.NextBytes(contents);
            string expected = Convert.ToHexStringLower(SHA256.HashData(contents));
            Assert.Equal(expected, Sha256.HexOf(contents));
            Assert.Equal(expected, Sha256.HexOf(new MemoryStream(contents)));
            var pieces = new Sha256();
            for (int start = 0, count; start < length; start += count)
            {
                count = Math.Min(random.Next(150), length - start);
                pieces.Append(contents.AsSpan(start, count));
            }
            Assert.Equal(expected, pieces.FinishHex());
        }
    }
}
