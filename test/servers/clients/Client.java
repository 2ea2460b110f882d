// SPDX-License-Identifier: Apache-2.0
// Usage: java Client URL PLAN [VERSION]   VERSION of HttpClient.Version; without it HttpClient's own choice.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;

public class Client {
    public static void main(String[] args) throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder();
        if (args.length > 2) builder.version(HttpClient.Version.valueOf(args[2]));
        HttpClient client = builder.build();
        StringBuilder lines = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[1]))) {
            String[] words = line.split(" ");
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(args[0] + words[1]));
            if (!words[2].equals("-")) request.header("X-Customer", words[2]);
            request.method(words[0], words[3].equals("-")
                ? BodyPublishers.noBody()
                : BodyPublishers.ofString("b".repeat(Integer.parseInt(words[3]))));
            HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
            CRC32 sum = new CRC32();
            sum.update(answer.body());
            lines.append(answer.statusCode()).append(' ').append(answer.body().length).append(' ')
                .append(sum.getValue()).append('\n');
        }
        System.out.print(lines);
        System.exit(0);
    }
}
